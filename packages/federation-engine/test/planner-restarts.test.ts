import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SILENT } from '../src/request/log.js';
import { createPlannerThread, PlanTooExpensive, type PlannerThread } from '../src/supergraph/planner-thread.js';
import { composeSdl, library } from './fake-subgraphs.js';
import { writeFaultyPlanner } from './faulty-planner.js';

const log = SILENT;
const supergraph = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
const QUERY = '{ books { title author { name } } }';
const CRASH = '{ crash: books { id } }';
const CRASH_ON_REQUEST = `if (request.kind === 'plan' && request.text.includes('crash')) process.exit(1);`;

let thread: PlannerThread;
let restarts = 0;

function start(entry: URL, planTimeoutMs = 20_000): PlannerThread {
  restarts = 0;
  thread = createPlannerThread({
    log,
    planTimeoutMs,
    loadTimeoutMs: 60_000,
    maxWaiting: 100,
    onRestart: () => (restarts += 1),
    entry,
  });
  return thread;
}

/** Asks again while the planner is away. */
async function planWhenUp(planner: PlannerThread, version: number, query = QUERY): Promise<string> {
  for (;;) {
    try {
      return await planner.plan(version, query, undefined);
    } catch (error) {
      if ((error as { code?: string }).code !== 'UNAVAILABLE') throw error;
      await nextTurn();
    }
  }
}

afterEach(() => thread.close());

describe('a planner that cannot start', () => {
  it.each([
    ['is missing', new URL('nowhere.js', import.meta.url), 'Cannot find module'],
    ['is no file', new URL('http://nowhere.test/planner.js'), 'scheme file'],
  ])('fails the load that asks for it, after some tries: its code %s', async (_what, entry, reason) => {
    const planner = start(entry);
    await expect(planner.load(1, supergraph)).rejects.toThrow(reason);
    expect(restarts).toBeLessThanOrEqual(3);
    // It is tried anew for whoever asks anew, and for nobody else.
    const before = restarts;
    await expect(planner.load(1, supergraph)).rejects.toThrow('The planner has died');
    expect(restarts).toBeGreaterThan(before);
  });

  it('starts when what was wrong is gone', async () => {
    await using faulty = await writeFaultyPlanner({ atStart: `if (start < 3) process.exit(1);` });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    expect(await planner.plan(1, QUERY, undefined)).toContain('authors');
    expect(await faulty.starts()).toBe(3);
  });
});

describe('the thread of the planner', () => {
  it('is told to keep its maker out of it, and nothing of the settings of the process', async () => {
    await using faulty = await writeFaultyPlanner({ atStart: `throw new Error(JSON.stringify(process.env));` });
    await expect(start(faulty.entry).load(1, supergraph)).rejects.toThrow('{"APOLLO_TELEMETRY_DISABLED":"true"}');
  });
});

describe('a supergraph that the planner dies of', () => {
  it('is refused after some tries; the one before is planned for again', async () => {
    await using faulty = await writeFaultyPlanner({
      onRequest: `if (request.kind === 'load' && request.version === 2) process.exit(1);`,
    });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    await expect(planner.load(2, supergraph)).rejects.toThrow('The planner has died');
    expect(await faulty.starts()).toBeLessThanOrEqual(4);
    expect(await planWhenUp(planner, 1)).toContain('authors');
    await planner.load(3, supergraph);
    expect(await planner.plan(3, QUERY, undefined)).toContain('authors');
  });
});

describe('an operation that the planner dies of', () => {
  it('is told to come again, and costs a pause when it comes again', async () => {
    await using faulty = await writeFaultyPlanner({ onRequest: CRASH_ON_REQUEST });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    const away = { code: 'UNAVAILABLE', details: { retryAfter: expect.any(Number) as unknown } };
    // The first time another planner is there at once.
    await expect(planner.plan(1, CRASH, undefined)).rejects.toMatchObject(away);
    expect(await planner.plan(1, QUERY, undefined)).toContain('authors');
    await expect(planner.plan(1, CRASH, undefined)).rejects.toMatchObject(away);
    await expect(planner.plan(1, QUERY, undefined)).rejects.toMatchObject({ ...away, reason: 'RESTARTING' });
    expect(restarts).toBe(1);
    expect(await planWhenUp(planner, 1)).toContain('authors');
    expect(restarts).toBe(2);
  });

  it('costs no load that comes after it', async () => {
    await using faulty = await writeFaultyPlanner({ onRequest: CRASH_ON_REQUEST });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    const crash = planner.plan(1, CRASH, undefined);
    const loads = [planner.load(2, supergraph), planner.load(3, supergraph)];
    await expect(crash).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await Promise.all(loads);
    expect(await planner.plan(2, QUERY, undefined)).toContain('authors');
  });
});

describe('a planner that takes over', () => {
  it('is given the versions that are served, and none that has been released', async () => {
    await using faulty = await writeFaultyPlanner({
      onRequest: `${CRASH_ON_REQUEST}
        if (start > 1 && request.kind === 'load' && request.version === 2) process.exit(1);`,
    });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    await planner.load(2, supergraph);
    planner.release(2);
    await expect(planner.plan(1, CRASH, undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await planner.plan(1, QUERY, undefined)).toContain('authors');
    await expect(planner.plan(2, QUERY, undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await faulty.starts()).toBe(2);
  });

  it('gives way to yet another one when it cannot load what is served', async () => {
    await using faulty = await writeFaultyPlanner({
      onRequest: `${CRASH_ON_REQUEST}
        if (start === 2) { parentPort.postMessage({ kind: 'failed', id: request.id, message: 'not now' }); return; }`,
    });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    await expect(planner.plan(1, CRASH, undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await planWhenUp(planner, 1)).toContain('authors');
    expect(await faulty.starts()).toBe(3);
  });
});

describe('a planner that is closed', () => {
  it('tells those who wait, and those who come after', async () => {
    await using faulty = await writeFaultyPlanner({ onRequest: `if (request.version > 1) for (;;);` });
    const planner = start(faulty.entry);
    await planner.load(1, supergraph);
    const waiting = [planner.load(2, supergraph), planner.plan(1, QUERY, undefined)];
    const outcomes = Promise.allSettled(waiting);
    await planner.close();
    const closed = { status: 'rejected', reason: { message: expect.stringContaining('closed') as unknown } };
    expect(await outcomes).toMatchObject([closed, closed]);
    await expect(planner.load(3, supergraph)).rejects.toThrow('closed');
    await expect(planner.plan(1, QUERY, undefined)).rejects.toThrow('closed');
    planner.release(1);
    await planner.close();
    expect(restarts).toBe(0);
  });

  it('does not start again after its pause', async () => {
    const fault = { atStart: 'process.exit(1);' };
    await using faulty = await writeFaultyPlanner(fault);
    await using witness = await writeFaultyPlanner(fault);
    const planner = start(faulty.entry);
    const load = planner.load(1, supergraph);
    load.catch(() => undefined);
    // The second thread that dies is followed by a pause.
    const reason = () => planner.plan(1, QUERY, undefined).catch(({ message }: Error) => message);
    while (!(await reason()).includes('is being restarted')) await nextTurn();
    await planner.close();
    await expect(load).rejects.toThrow('closed');
    expect(await faulty.starts()).toBe(2);
    // One that was begun later has had its pause.
    await expect(start(witness.entry).load(1, supergraph)).rejects.toThrow('The planner has died');
    expect(await witness.starts()).toBe(3);
    expect(await faulty.starts()).toBe(2);
  });
});

describe('the time-out of a plan', () => {
  it('does not count what main itself keeps waiting', async () => {
    await using faulty = await writeFaultyPlanner({});
    const planner = start(faulty.entry, 2_000);
    await planner.load(1, supergraph);
    // Timers come next, and only then messages.
    await nextTurn();
    const plan = planner.plan(1, QUERY, undefined);
    // Main is busy until long after the planner has answered.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
    expect(await plan).toContain('authors');
    expect(restarts).toBe(0);
  });

  it('does not count the load that goes before it', async () => {
    await using faulty = await writeFaultyPlanner({
      onRequest: `
        if (request.version === 1 && request.kind === 'load')
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
        if (request.kind === 'plan' && request.text.includes('crash')) for (;;);`,
    });
    const planner = start(faulty.entry, 3_000);
    const load = planner.load(1, supergraph);
    expect(await planner.plan(1, QUERY, undefined)).toContain('authors');
    await load;
    // Nor does it after a restart, which does not count as a crash of the loads that wait.
    const outcomes = [planner.plan(1, CRASH, undefined), planner.load(2, supergraph)] as const;
    await expect(outcomes[0]).rejects.toThrow(PlanTooExpensive);
    expect(await planWhenUp(planner, 1)).toContain('authors');
    await outcomes[1];
    expect(restarts).toBe(1);
  });
});

describe('a supergraph whose loading does not end', () => {
  it('is refused when its time is up; the one before goes on in another thread', async () => {
    await using faulty = await writeFaultyPlanner({
      onRequest: `while (request.kind === 'load' && request.supergraph.includes('endless'));`,
    });
    const limits = { loadTimeoutMs: 60_000 };
    const errors: unknown[] = [];
    restarts = 0;
    thread = createPlannerThread({
      log: { ...log, error: (_facts: unknown, message: string) => errors.push(message) } as unknown as typeof log,
      planTimeoutMs: 20_000,
      get loadTimeoutMs() {
        return limits.loadTimeoutMs;
      },
      maxWaiting: 100,
      onRestart: () => (restarts += 1),
      entry: faulty.entry,
    });
    await thread.load(1, supergraph);
    limits.loadTimeoutMs = 50;
    const endless = thread.load(2, `${supergraph}# endless`);
    limits.loadTimeoutMs = 60_000;
    await expect(endless).rejects.toThrow('cannot be loaded within 50 ms');
    expect(errors).toEqual(['a supergraph takes too long to load; the planner is restarted']);
    expect(await planWhenUp(thread, 1)).toContain('authors');
    expect(restarts).toBe(1);
    await thread.load(3, supergraph);
  });
});
