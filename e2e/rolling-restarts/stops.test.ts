import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { smallPng, spawnGraph, type ServiceName, type SpawnedGraph } from '@taskgraph/testkit';
import { Agent, fetch, FormData } from 'undici';
import { createLauncher, type Launcher } from '../../embedded/test/launcher.js';
import { operation } from '../operations.js';
import { startLoad, type Load } from './load.js';

/** Long enough that whoever looks sees that it is not ready, on a busy machine too. */
const DRAIN_MS = 3_000;
const DRAINED = { SHUTDOWN_DRAIN_MS: String(DRAIN_MS) };
/** What may happen to a request that comes too late: there is nobody, or the connection that waited to be taken is gone. */
const REFUSED = /ECONNREFUSED|ECONNRESET|other side closed/;

/** Keeps its connections, as gateways, balancers and browsers do. */
interface Client extends AsyncDisposable {
  post(url: string, name: string | { query: string }, variables?: Record<string, unknown>): Promise<unknown>;
  upload(url: string): Promise<void>;
  token: string;
  readonly kept: Set<string | null>;
}

function createClient(): Client {
  const dispatcher = new Agent({ keepAliveTimeout: 60_000 });
  const send = async (url: string, body: string | FormData, headers: Record<string, string>) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      body,
      dispatcher,
      headers: { ...headers, ...(client.token && { authorization: `Bearer ${client.token}` }) },
    });
    client.kept.add(response.headers.get('connection'));
    const answer = (await response.json()) as { data?: Record<string, unknown>; errors?: unknown };
    if (answer.errors !== undefined || !answer.data) throw new Error(JSON.stringify(answer));
    return answer.data;
  };
  const client: Client = {
    token: '',
    kept: new Set(),
    post: (url, name, variables = {}) =>
      send(url, JSON.stringify({ query: typeof name === 'string' ? operation(name) : name.query, variables }), {
        'content-type': 'application/json',
      }),
    async upload(url) {
      const form = new FormData();
      const query =
        'mutation($file: Upload!) { uploadMedia(file: $file) { ... on UploadMediaSuccess { media { id } } } }';
      form.set('operations', JSON.stringify({ query, variables: { file: null } }));
      form.set('map', '{"0":["variables.file"]}');
      form.set('0', new Blob([await smallPng()], { type: 'image/png' }), 'picture.png');
      const { uploadMedia } = (await send(url, form, { 'apollo-require-preflight': 'true' })) as {
        uploadMedia: { media?: object };
      };
      if (!uploadMedia.media) throw new Error(JSON.stringify(uploadMedia));
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
  return client;
}

async function register(client: Client, url: string): Promise<void> {
  const input = {
    email: `${crypto.randomUUID()}@example.com`,
    password: 'seven green otters juggle',
    displayName: 'Ada',
  };
  const { register: payload } = (await client.post(url, 'Register', { input })) as {
    register: { accessToken: string };
  };
  client.token = payload.accessToken;
}

/** Resolves with the instant at which it was first seen that a process takes no more requests. */
async function whenNotReady(url: string): Promise<number> {
  for (;;) {
    const askedAt = performance.now();
    const status = await fetch(`${url}/health/ready`, { dispatcher: new Agent({ pipelining: 0 }) }).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      () => 0,
    );
    if (status !== 200) return askedAt;
    await delay(10);
  }
}

/** What has failed, but for what was refused after readiness had fallen; and how much was answered from then on. */
function judge({ samples }: Load, notReadyAt: number): { faults: unknown[]; answeredSince: number } {
  const faults = samples.filter(
    ({ failure, startedAt }) => failure !== null && (startedAt < notReadyAt || !REFUSED.test(failure)),
  );
  const answeredSince = samples.filter(({ failure, startedAt }) => failure === null && startedAt > notReadyAt).length;
  return { faults, answeredSince };
}

describe('SIGTERM under load', () => {
  let graph: SpawnedGraph;
  beforeAll(async () => {
    graph = await spawnGraph({ settings: { ...DRAINED, SUBGRAPH_TIMEOUT_MS: '60000', PEER_TIMEOUT_MS: '60000' } });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const READS: Readonly<Record<ServiceName, string>> = {
    gateway: '{ me { id } tasks { totalCount } }',
    auth: '{ me { id displayName } }',
    task: '{ tasks { totalCount } }',
    media: '{ myMedia { totalCount } }',
  };

  // The gateway last: it needs the others.
  it.each(['auth', 'task', 'media', 'gateway'] as const)(
    'fails no request of %s but those that it refuses after its readiness has fallen',
    async (name) => {
      await using client = createClient();
      await register(client, graph.urls.gateway);
      const url = graph.urls[name];
      const uploads = name === 'media' || name === 'gateway';
      await using load = startLoad([
        {
          kind: 'read',
          workers: 6,
          pauseMs: 5,
          run: async () => void (await client.post(url, { query: READS[name] })),
        },
        ...(uploads ? [{ kind: 'upload', workers: 2, pauseMs: 5, run: () => client.upload(url) }] : []),
      ]);
      await load.untilMore('read', 20);
      if (uploads) await load.untilMore('upload', 4);
      client.kept.clear();
      const notReady = whenNotReady(url);
      const ended = graph.kill(name, 'SIGTERM');
      const notReadyAt = await notReady;
      expect(await ended).toBe(0);
      await load.stop();
      const { faults, answeredSince } = judge(load, notReadyAt);
      expect(faults).toEqual([]);
      expect(answeredSince).toBeGreaterThan(10);
      expect(client.kept).toContain('close');
      await graph.restart(name);
    },
  );
});

describe('SIGTERM to npm under load', () => {
  let launcher: Launcher;
  beforeAll(async () => {
    launcher = await createLauncher();
  });
  afterAll(async () => {
    await launcher[Symbol.asyncDispose]();
  });

  it('fails no request but those that are refused after readiness has fallen', async () => {
    await using client = createClient();
    const run = launcher.runWithNpm(['--no-seed', '--quiet'], DRAINED);
    await run.until(launcher.graphqlUrl);
    const url = launcher.graphqlUrl.replace('/graphql', '');
    await register(client, url);
    await using load = startLoad([
      {
        kind: 'read',
        workers: 4,
        pauseMs: 5,
        run: async () =>
          void (await client.post(url, { query: '{ me { id } tasks { totalCount } myMedia { totalCount } }' })),
      },
      { kind: 'upload', workers: 1, pauseMs: 5, run: () => client.upload(url) },
    ]);
    await load.untilMore('read', 20);
    await load.untilMore('upload', 2);
    const notReady = whenNotReady(url);
    run.kill('SIGTERM');
    const notReadyAt = await notReady;
    await run.ended;
    await load.stop();
    const { faults, answeredSince } = judge(load, notReadyAt);
    expect(faults).toEqual([]);
    expect(answeredSince).toBeGreaterThan(5);
    expect(run.output).toContain('Stopped. The data are kept.');
  });
});
