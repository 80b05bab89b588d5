import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  chooseFreePorts,
  createCleanup,
  spawnService,
  startJwksServer,
  TEST_CLIENT_INFO_SECRET,
  type SpawnedService,
} from '@taskgraph/testkit';
import { JWKS_PATH } from '@taskgraph/contracts';
import { composeSdl, startSubgraph, type FakeSubgraph, type StartedSubgraph } from '../fake-subgraphs.js';

export interface WorkersUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly operationsUrl: string;
  readonly process: SpawnedService;
  readonly supergraphPath: string;
  readonly subgraphs: Readonly<Record<string, StartedSubgraph>>;
  /** Over a connection of its own, so each goes to the next worker. */
  ask(query: string, headers?: Record<string, string>): Promise<Answer>;
  /** Process ids of the workers that have said that they listen and run still, by their numbers. */
  pids(): Map<number, number>;
  /** The value of a metric, by how its line begins; null when there is none. */
  metric(line: string): Promise<number | null>;
  health(): Promise<{ status: string; reasons: string[] }>;
}

export interface Answer {
  readonly status: number;
  readonly body: { data?: Record<string, unknown> | null; errors?: readonly unknown[] };
}

/** Starts subgraphs of the test's own, and the gateway as it is started, with two workers. */
export async function startWorkers(
  fakes: readonly FakeSubgraph[],
  settings: Record<string, string> = {},
): Promise<WorkersUnderTest> {
  const cleanup = createCleanup();
  try {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-workers-'));
    cleanup.add(() => rm(folder, { recursive: true, force: true }));
    const subgraphs = await Promise.all(fakes.map(startSubgraph));
    for (const subgraph of subgraphs) cleanup.add(() => subgraph.stop());
    const jwks = await startJwksServer();
    cleanup.add(async () => jwks[Symbol.asyncDispose]());
    const supergraphPath = path.join(folder, 'supergraph.graphql');
    const described = subgraphs.map(({ name, url }, index) => ({ name, url, typeDefs: fakes[index]?.typeDefs ?? '' }));
    await writeFile(supergraphPath, composeSdl(described));
    const [port, operationsPort] = (await chooseFreePorts(2)) as [number, number];
    const url = `http://127.0.0.1:${port}`;
    const operationsUrl = `http://127.0.0.1:${operationsPort}`;
    const spawned = await spawnService({
      name: 'gateway',
      entry: 'gateway/dist/main.js',
      // It answers when all workers serve.
      url: operationsUrl,
      env: {
        GATEWAY_WORKERS: '2',
        GATEWAY_PORT: String(port),
        GATEWAY_OPERATIONS_PORT: String(operationsPort),
        SUPERGRAPH_PATH: supergraphPath,
        SUPERGRAPH_POLL_MS: '20',
        SUBGRAPH_TIMEOUT_MS: '60000',
        JWKS_URL: new URL(JWKS_PATH, jwks.url).href,
        CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET,
        RATE_LIMITS: '0',
        INTROSPECTION: '1',
        ...settings,
      },
    });
    cleanup.add(() => spawned.end('SIGKILL'));
    return {
      url,
      operationsUrl,
      process: spawned,
      supergraphPath,
      subgraphs: Object.fromEntries(subgraphs.map((subgraph) => [subgraph.name, subgraph])),
      ask: (query, headers) => askOnce(url, query, headers),
      pids() {
        const listening = linesOf(spawned).filter(({ msg, worker }) => msg === 'listening' && worker !== undefined);
        return new Map(
          listening.flatMap(({ worker, pid }) => (isRunning(pid) ? [[Number(worker), pid] as const] : [])),
        );
      },
      async metric(line) {
        const text = await (await fetch(`${operationsUrl}/metrics`, { headers: { connection: 'close' } })).text();
        const found = text.split('\n').find((one) => one.startsWith(line));
        return found === undefined ? null : Number(found.split(' ').at(-1));
      },
      async health() {
        const response = await fetch(`${operationsUrl}/health`, { headers: { connection: 'close' } });
        return (await response.json()) as { status: string; reasons: string[] };
      },
      [Symbol.asyncDispose]: () => cleanup.run(),
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

export interface Line {
  readonly msg: string;
  readonly pid: number;
  readonly worker?: number;
  readonly [member: string]: unknown;
}

/** What a process has logged. */
export function linesOf(spawned: SpawnedService): Line[] {
  const PREFIX = `[${spawned.name}] `;
  return spawned.lines.flatMap((line) => {
    const text = line.slice(PREFIX.length);
    return text.startsWith('{') ? [JSON.parse(text) as Line] : [];
  });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Asks again until it is so. */
export async function until<Value>(ask: () => Promise<Value> | Value, isIt: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await ask();
    if (isIt(value)) return value;
    await delay(20);
  }
}

/** @throws with the code of the connection's fault */
function askOnce(url: string, query: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/graphql`,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }),
        );
      },
    );
    sent.once('error', reject);
    sent.end(JSON.stringify({ query }));
  });
}
