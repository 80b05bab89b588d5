import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Fault } from '../src/request/fault.js';
import { SILENT } from '../src/request/log.js';
import type { GuestMessage, HostMessage } from '../src/supergraph/planner-sharing.js';
import { createPlannerThread, PlanTooExpensive, type PlannerThread } from '../src/supergraph/planner-thread.js';
import { createRemotePlanner, type RemotePlanner } from '../src/supergraph/remote-planner.js';
import { createSharedPlanner, type Guest, type SharedPlanner } from '../src/supergraph/shared-planner.js';
import { composeSdl, library } from './fake-subgraphs.js';

const described = library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` }));
const FIRST = composeSdl(described);
const SECOND = FIRST.replaceAll('broken: String', 'broken: String\n  added: String');
const QUERY = '{ books { title } }';

/** Counts what reaches the planner. */
function watched(inner: PlannerThread) {
  const calls = { load: 0, plan: 0, released: [] as number[] };
  const planner: PlannerThread = {
    ...inner,
    load(version, text) {
      calls.load += 1;
      return inner.load(version, text);
    },
    plan(...asked) {
      calls.plan += 1;
      return inner.plan(...asked);
    },
    release(version) {
      calls.released.push(version);
      inner.release(version);
    },
  };
  return { planner, calls };
}

let host: SharedPlanner;
let thread: ReturnType<typeof watched>;
let change: (text: string) => Promise<void>;
let refused: unknown[];

beforeEach(async () => {
  const inner = createPlannerThread({
    log: SILENT,
    planTimeoutMs: 60_000,
    loadTimeoutMs: 60_000,
    maxWaiting: 100,
    onRestart: () => undefined,
  });
  thread = watched(inner);
  refused = [];
  host = createSharedPlanner({
    planner: thread.planner,
    source: {
      async start(onText) {
        change = (text) => onText(text).catch((error: unknown) => void refused.push(error));
        await onText(FIRST);
      },
      close: async () => undefined,
    },
    maxPlanBytes: 1_000_000,
  });
  await host.start();
});
afterEach(() => host.close());

/** A guest behind a channel that clones what it carries, as those between processes do. */
function join(): { remote: RemotePlanner; guest: Guest; texts: string[]; started: Promise<void> } {
  const guest: Guest = host.welcome((message: HostMessage) => {
    const sent = structuredClone(message);
    setImmediate(() => remote.take(sent));
  });
  const remote = createRemotePlanner({
    log: SILENT,
    post: (message: GuestMessage) => {
      const sent = structuredClone(message);
      setImmediate(() => guest.take(sent));
    },
  });
  const texts: string[] = [];
  const started = remote.source.start(async (text) => void texts.push(text));
  return { remote, guest, texts, started };
}

async function until(isIt: () => boolean): Promise<void> {
  while (!isIt()) await nextTurn();
}

describe('a planner that is shared', () => {
  it('loads a supergraph once, and plans an operation once for all', async () => {
    const [one, other] = [join(), join()];
    await Promise.all([one.started, other.started]);
    expect([one.texts, other.texts]).toEqual([[FIRST], [FIRST]]);
    const descriptions = [await one.remote.planner.load(7, FIRST), await other.remote.planner.load(1, FIRST)];
    expect(descriptions[0]?.apiSdl).toContain('type Book');
    expect(descriptions[1]).toEqual(descriptions[0]);
    const plans = [
      await one.remote.planner.plan(7, QUERY, undefined),
      await other.remote.planner.plan(1, QUERY, undefined),
    ];
    expect(plans[0]).toContain('"Fetch"');
    expect(plans[1]).toBe(plans[0]);
    expect(thread.calls).toEqual({ load: 1, plan: 1, released: [] });
    // With other labels it is another plan.
    await other.remote.planner.plan(1, QUERY, undefined, ['new']);
    expect(thread.calls.plan).toBe(2);
  });

  it('gives each guest a new supergraph, and forgets the old one when the last has let go of it', async () => {
    const [one, other] = [join(), join()];
    await Promise.all([one.started, other.started]);
    await one.remote.planner.load(1, FIRST);
    await other.remote.planner.load(1, FIRST);
    await change(SECOND);
    await until(() => one.texts.length === 2 && other.texts.length === 2);
    expect([one.texts.at(-1), other.texts.at(-1)]).toEqual([SECOND, SECOND]);
    await one.remote.planner.load(2, SECOND);
    one.remote.planner.release(1);
    // The other still serves it.
    await expect(other.remote.planner.plan(1, QUERY, undefined)).resolves.toContain('"Fetch"');
    expect(thread.calls.released).toEqual([]);
    other.guest.leave();
    expect(thread.calls.released).toEqual([1]);
    await expect(one.remote.planner.plan(1, QUERY, undefined)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'REPLACED',
    });
  });

  it('tells no guest of what cannot be loaded', async () => {
    const { texts, started, remote } = join();
    await started;
    await change('type Query { nonsense');
    expect(refused).toHaveLength(1);
    await change(SECOND);
    await until(() => texts.length === 2);
    expect(texts).toEqual([FIRST, SECOND]);
    await expect(remote.planner.load(1, 'type Query { nonsense')).rejects.toThrow('Syntax Error');
    // It is tried anew, and nothing of the first try is in the way.
    await expect(remote.planner.load(2, 'type Query { nonsense')).rejects.toThrow('Syntax Error');
    await expect(remote.planner.load(3, SECOND)).resolves.toMatchObject({ apiSdl: expect.stringContaining('added') });
  });

  it('fails as a planner of the process itself does, class by class', async () => {
    const { remote, started } = join();
    await started;
    await remote.planner.load(1, FIRST);
    const works = { ...thread.planner };
    const failWith = (error: Error) => Object.assign(thread.planner, { plan: () => Promise.reject(error) });
    const fault = new Fault('UNAVAILABLE', 'The planner was restarted.', {
      reason: 'RESTARTING',
      extensions: { retryAfter: 2 },
    });
    failWith(fault);
    const told = await remote.planner.plan(1, QUERY, undefined).catch((error: unknown) => error);
    expect(told).toBeInstanceOf(Fault);
    expect(told).toMatchObject({
      code: fault.code,
      message: fault.message,
      reason: fault.reason,
      details: { retryAfter: 2 },
    });
    failWith(new PlanTooExpensive('too much'));
    await expect(remote.planner.plan(1, QUERY, undefined)).rejects.toBeInstanceOf(PlanTooExpensive);
    failWith(new Error('no such field'));
    await expect(remote.planner.plan(1, QUERY, undefined)).rejects.toThrow('no such field');
    // A failure is not kept.
    Object.assign(thread.planner, works);
    await expect(remote.planner.plan(1, QUERY, undefined)).resolves.toContain('"Fetch"');
  });

  it('leaves nobody waiting who is closed', async () => {
    const { remote, started } = join();
    await started;
    await remote.planner.load(1, FIRST);
    Object.assign(thread.planner, { plan: () => new Promise(() => undefined) });
    const waiting = remote.planner.plan(1, QUERY, undefined).catch((error: unknown) => error);
    await remote.planner.close();
    expect(await waiting).toMatchObject({ code: 'UNAVAILABLE' });
    await expect(remote.planner.plan(1, QUERY, undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await remote.source.close();
  });
});
