import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const REAL = new URL('../dist/supergraph/planner/planner-worker.js', import.meta.url);

/** What goes wrong, as code of the thread. It knows `start`: 1 in the first thread, 2 in the one after it. */
export interface PlannerFault {
  readonly atStart?: string;
  /** Runs before the real planner sees the `request`. */
  readonly onRequest?: string;
}

/** The real planner's thread with a fault of the test's own. */
export interface FaultyPlanner extends AsyncDisposable {
  readonly entry: URL;
  /** Threads that have begun to run. */
  readonly starts: () => Promise<number>;
}

export async function writeFaultyPlanner({ atStart = '', onRequest = '' }: PlannerFault): Promise<FaultyPlanner> {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-planner-'));
  const entry = path.join(folder, 'planner.mjs');
  const starts = path.join(folder, 'starts');
  await writeFile(starts, '');
  // The real planner begins a request after all who listen have been told of it.
  await writeFile(
    entry,
    `import { appendFileSync, readFileSync } from 'node:fs';
    import { parentPort } from 'node:worker_threads';
    appendFileSync(${JSON.stringify(starts)}, '.');
    const start = readFileSync(${JSON.stringify(starts)}).length;
    ${atStart}
    await import(${JSON.stringify(REAL.href)});
    parentPort.on('message', (request) => { ${onRequest} });
    `,
  );
  return {
    entry: pathToFileURL(entry),
    starts: async () => (await readFile(starts)).length,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
