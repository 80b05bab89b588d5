import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SILENT } from '../request/log.js';
import { createCircuit, type Circuit, type Judge } from './circuit.js';

const JUDGE: Judge<unknown> = { error: () => 'failure', isSuccess: () => true };

describe('a call that began before the circuit opened', () => {
  let circuit: Circuit;
  beforeEach(() => {
    circuit = createCircuit({ name: 'news', log: SILENT, probe: async () => undefined, resetMs: 20 });
  });
  afterEach(() => circuit.close());

  const fail = () => circuit.run(() => Promise.reject(new Error('502')), JUDGE).catch(() => undefined);
  /** Begins a call, and returns what ends it. */
  function begin(): { succeed: () => Promise<unknown>; fail: () => Promise<unknown> } {
    let resolve: () => void = () => undefined;
    let reject: (error: Error) => void = () => undefined;
    const held = new Promise<void>((...ends) => ([resolve, reject] = ends));
    const call = circuit.run(() => held, JUDGE).catch(() => undefined);
    const ended = async () => {
      await call;
      await nextTurn();
    };
    return {
      succeed: () => (resolve(), ended()),
      fail: () => (reject(new Error('the connection is broken')), ended()),
    };
  }
  async function open(): Promise<void> {
    const before = circuit.openings();
    while (circuit.openings() === before) await fail();
  }
  async function untilClosed(): Promise<void> {
    while (!circuit.isClosed()) await nextTurn();
  }

  it('does not open it again by failing, when the service is back', async () => {
    const calls = Array.from({ length: 10 }, begin);
    await open();
    await untilClosed();
    for (const call of calls) await call.fail();
    expect([circuit.state(), circuit.openings()]).toEqual(['closed', 1]);
    // Those that begin now count as ever.
    await open();
    expect(circuit.openings()).toBe(2);
  });

  it('does not pass a trial by succeeding, as one does that begins in it', async () => {
    const call = begin();
    for (const _time of [1, 2]) {
      await open();
      await untilClosed();
    }
    expect(circuit.state()).toBe('half_open');
    await call.succeed();
    expect(circuit.state()).toBe('half_open');
    await begin().succeed();
    expect(circuit.state()).toBe('closed');
  });
});
