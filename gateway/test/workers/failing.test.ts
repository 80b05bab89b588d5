import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { library } from '../fake-subgraphs.js';
import { isRunning, linesOf, startWorkers, until, type WorkersUnderTest } from './start-workers.js';

const BOOKS = '{ books { id title } }';
const HELD = 20;
const TURNS = 50;
const OPERATIONS = 'taskgraph_gateway_operation_duration_seconds_count{operation="other",type="query",outcome="ok"';
const KILLED = 'taskgraph_gateway_worker_exits_total{cause="SIGKILL"';

function answer(response: ServerResponse, data: object): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ data }));
}

/** A library whose authors wait at a gate while it is shut. */
function gatedLibrary() {
  const waiting = new Set<ServerResponse>();
  let isShut = false;
  let abandoned = 0;
  return {
    fakes: library({
      intercept(request, response) {
        if (!isShut || request.method !== 'POST') return false;
        void text(request).then((body) => {
          // Probes of the gateway pass.
          if (!body.includes('authors')) return answer(response, { __typename: 'Query' });
          waiting.add(response);
          response.once('close', () => {
            if (waiting.delete(response)) abandoned += 1;
          });
        });
        return true;
      },
    }),
    isFull: () => waiting.size >= HELD,
    /** Fetches whose gateway has gone away. */
    abandoned: () => abandoned,
    shut: () => (isShut = true),
    open() {
      isShut = false;
      for (const response of waiting) {
        waiting.delete(response);
        answer(response, {});
      }
    },
  };
}

/** Statuses, or codes of the connections' faults, of requests that are under way at both workers: equal ones would share a fetch. */
function hold(gateway: WorkersUnderTest, gate: ReturnType<typeof gatedLibrary>) {
  gate.shut();
  const requests = Array.from({ length: HELD }, (_, index) => gateway.ask(`{ a${index}: authors { id name } }`));
  return Promise.all(
    requests.map((request) =>
      request.then(
        ({ status }): number | string => status,
        ({ code }: NodeJS.ErrnoException) => String(code),
      ),
    ),
  );
}

/**
 * Waits until all is heard that the kernel has told: the connections of a process that is gone are closed by then, and each turn of the event loop
 * hears of as many as there are.
 */
async function untilStill(count: () => number): Promise<void> {
  let [last, turns] = [count(), 0];
  while (turns < TURNS) {
    await nextTurn();
    turns = count() === last ? turns + 1 : 0;
    last = count();
  }
}

const all = (status: number) => Array.from({ length: HELD }, () => status);

describe('a worker', () => {
  it('that is killed loses only its own requests, is replaced, and is counted', async () => {
    const gate = gatedLibrary();
    await using gateway = await startWorkers(gate.fakes);
    for (let index = 0; index < HELD; index += 1) expect((await gateway.ask(BOOKS)).status).toBe(200);
    const counted = await gateway.metric(OPERATIONS);
    expect(counted).toBe(HELD);
    const outcomes = hold(gateway, gate);
    await until(gate.isFull, Boolean);
    const [[number, pid] = [0, 0]] = gateway.pids();
    process.kill(pid, 'SIGKILL');
    await until(
      () => isRunning(pid),
      (running) => !running,
    );
    await until(gate.abandoned, (count) => count > 0);
    await untilStill(gate.abandoned);
    gate.open();
    // Whoever comes next is served: nobody is sent to one that is gone.
    for (let index = 0; index < HELD; index += 1) expect((await gateway.ask(BOOKS)).status).toBe(200);
    const lost = (await outcomes).filter((outcome) => outcome !== 200);
    expect(new Set(lost)).toEqual(new Set(['ECONNRESET']));
    expect(lost.length).toBeLessThan(HELD);
    expect(gate.abandoned()).toBe(lost.length);
    await until(
      () => gateway.pids(),
      (pids) => pids.size === 2 && !pids.has(number),
    );
    await until(
      () => gateway.metric('taskgraph_gateway_workers'),
      (count) => count === 2,
    );
    expect(await gateway.metric(KILLED)).toBe(1);
    // What it had counted is not lost: a sum that falls would be read as a new start.
    expect(await gateway.metric(OPERATIONS)).toBeGreaterThanOrEqual(2 * HELD);
    expect(linesOf(gateway.process)).toContainEqual(
      expect.objectContaining({ msg: 'a worker has ended; another takes its place', worker: number, cause: 'SIGKILL' }),
    );
    for (let index = 0; index < 6; index += 1) expect((await gateway.ask(BOOKS)).status).toBe(200);
    await until(
      () => gateway.health(),
      ({ status }) => status === 'ok',
    );
  });

  it('that is told to end finishes what it has, and is replaced', async () => {
    const gate = gatedLibrary();
    await using gateway = await startWorkers(gate.fakes);
    const outcomes = hold(gateway, gate);
    await until(gate.isFull, Boolean);
    const [[number, pid] = [0, 0]] = gateway.pids();
    process.kill(pid, 'SIGTERM');
    await until(
      () => gateway.health(),
      ({ reasons }) => reasons.join().includes(`it is about to stop (worker ${number})`),
    );
    gate.open();
    expect(await outcomes).toEqual(all(200));
    await until(
      () => gateway.pids(),
      (pids) => pids.size === 2 && !pids.has(number),
    );
    expect(await gateway.metric('taskgraph_gateway_worker_exits_total{cause="exit 0"')).toBe(1);
  });

  it('that does nothing any more is told by health', async () => {
    await using gateway = await startWorkers(library());
    const [[number, pid] = [0, 0]] = gateway.pids();
    process.kill(pid, 'SIGSTOP');
    const { status, reasons } = await until(
      () => gateway.health(),
      (report) => report.status !== 'ok',
    );
    process.kill(pid, 'SIGCONT');
    expect(status).toBe('degraded');
    expect(reasons.join()).toContain(`no answer (worker ${number})`);
    await until(
      () => gateway.health(),
      (report) => report.status === 'ok',
    );
  });
});

describe('the gateway with workers', () => {
  it('finishes at SIGTERM what all workers have, and leaves none', async () => {
    const gate = gatedLibrary();
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-usage-'));
    await using gateway = await startWorkers(gate.fakes, { USAGE_DIR: folder, USAGE_FLUSH_MS: '3600000' });
    const outcomes = hold(gateway, gate);
    await until(gate.isFull, Boolean);
    const pids = [...gateway.pids().values()];
    const code = gateway.process.end('SIGTERM');
    await until(
      () => gateway.health(),
      ({ status }) => status === 'draining',
    );
    gate.open();
    expect(await outcomes).toEqual(all(200));
    expect(await code).toBe(0);
    expect(pids.map(isRunning)).toEqual([false, false]);
    expect(linesOf(gateway.process).filter(({ msg }) => msg === 'stopped')).toHaveLength(3);
    // What they have counted since they began is told as well.
    expect((await readdir(folder)).sort()).toEqual(pids.map((pid) => `usage-${pid}.ndjson`).sort());
    const texts = await Promise.all(pids.map((pid) => readFile(path.join(folder, `usage-${pid}.ndjson`), 'utf8')));
    const records = texts.flatMap((text) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { count: number }),
    );
    expect(records.reduce((sum, { count }) => sum + count, 0)).toBe((await outcomes).length);
    await rm(folder, { recursive: true });
  });

  it('replaces workers that die again and again ever later', async () => {
    await using gateway = await startWorkers(library());
    for (let round = 1; round <= 2; round += 1) {
      const pids = await until(
        () => gateway.pids(),
        ({ size }) => size === 2,
      );
      for (const pid of pids.values()) process.kill(pid, 'SIGKILL');
      await until(
        () => gateway.metric(KILLED),
        (count) => count === 2 * round,
      );
      await until(
        () => gateway.metric('taskgraph_gateway_workers'),
        (count) => count === 2,
      );
    }
    const pauses = linesOf(gateway.process).flatMap(({ pauseMs }) => (pauseMs === undefined ? [] : [pauseMs]));
    expect(pauses).toEqual([0, 100, 200, 400]);
    expect((await gateway.ask(BOOKS)).status).toBe(200);
  });
});
