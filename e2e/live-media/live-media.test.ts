import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createCleanup, expectData, smallPng } from '@taskgraph/testkit';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { operation } from '../operations.js';
import { startStory, withServers, type Person, type Story } from '../story.js';

interface MediaAttached {
  readonly attachedBy: { readonly displayName: string };
  readonly task: { readonly title: string; readonly media: { readonly totalCount: number } };
  readonly media: { readonly id: string; readonly filename: string; readonly thumbnail: { readonly url: string } };
}

interface LiveResult {
  readonly data?: { readonly mediaAttached: MediaAttached } | null;
  readonly extensions?: { readonly eventId?: string };
}

/** What a client gets, one after the other. */
type Results = AsyncIterator<LiveResult>;

const own = createCleanup();

withServers('somebody watches a task while another attaches pictures', () => {
  let story: Story;
  let owner: Person;
  let assignee: Person;
  let taskId: string;
  beforeAll(async () => {
    story = await startStory({ withEvents: true });
    [owner, assignee] = [await story.newPerson('Olga Owner'), await story.newPerson('Ali Assignee')];
  });
  // Of its own for each test: who joins a subscription that another has just left may hear what that one was to hear.
  beforeEach(async () => {
    taskId = await owner.addTask({ title: 'Collect pictures', assigneeId: assignee.id });
  });
  afterEach(() => own.run());
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const query = operation('MediaAttached');
  const gatewayUrl = () => story.gatewayUrl;
  const wsUrl = () => gatewayUrl().replace('http', 'ws');
  const authorization = () => `Bearer ${owner.accessToken}`;

  function startClient(command: string, args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn(command, args, { env: { PATH: process.env['PATH'] ?? '' } });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    own.add(async () => {
      child.stdin.end();
      if (command === 'curl') child.kill();
      await ended;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => process.stderr.write(text));
    return child;
  }

  async function* linesOf(child: ChildProcessWithoutNullStreams): AsyncGenerator<string> {
    for await (const line of createInterface({ input: child.stdout })) yield line;
  }

  async function* apollo(transport: 'ws' | 'multipart'): AsyncGenerator<LiveResult> {
    const script = fileURLToPath(new URL('clients/apollo-client.mjs', import.meta.url));
    const variables = JSON.stringify({ taskId });
    const args = [script, transport, gatewayUrl(), owner.accessToken, query, variables];
    for await (const line of linesOf(startClient(process.execPath, args))) yield JSON.parse(line) as LiveResult;
  }

  async function* curl(): AsyncGenerator<LiveResult> {
    const body = JSON.stringify({ query, variables: { taskId } });
    const headers = [
      'accept: text/event-stream',
      'content-type: application/json',
      `authorization: ${authorization()}`,
    ];
    const args = ['-sN', gatewayUrl(), ...headers.flatMap((header) => ['-H', header]), '-d', body];
    for await (const line of linesOf(startClient('curl', args)))
      if (line.startsWith('data: {')) yield JSON.parse(line.slice('data: '.length)) as LiveResult;
  }

  function graphqlWs(id = taskId, extensions: Record<string, unknown> = {}): AsyncIterableIterator<LiveResult> {
    const client = createWsClient({
      url: wsUrl(),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: authorization() },
    });
    own.add(async () => client.dispose());
    const request = { query, variables: { taskId: id }, extensions };
    return client.iterate<{ mediaAttached: MediaAttached }>(request) as AsyncIterableIterator<LiveResult>;
  }

  function graphqlSse(): Results {
    const client = createSseClient({ url: gatewayUrl(), headers: { authorization: authorization() } });
    own.add(async () => client.dispose());
    return client.iterate<{ mediaAttached: MediaAttached }>({ query, variables: { taskId } }) as Results;
  }

  /** Attaches pictures until the client has heard of one: nothing else tells that it is subscribed. */
  async function attachUntilHeard(results: Results): Promise<{ heard: LiveResult; attached: string[] }> {
    const attached: string[] = [];
    let heard: LiveResult | null = null;
    const first = results.next().then(({ value }: { value: LiveResult }) => (heard = value));
    while (heard === null) {
      const mediaId = await assignee.addPicture(await smallPng(), `picture-${attached.length}.png`);
      attached.push(mediaId);
      expectData(await assignee.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
    }
    return { heard: await first, attached };
  }

  it.each<[string, () => Results]>([
    ['Apollo Client over WebSocket', () => apollo('ws')],
    ['Apollo Client over multipart HTTP', () => apollo('multipart')],
    ['graphql-ws', () => graphqlWs()],
    ['graphql-sse', graphqlSse],
    ['curl', curl],
  ])('hears of it with %s, with fields of all three services', async (_name, subscribe) => {
    const { heard, attached } = await attachUntilHeard(subscribe());
    const event = heard.data?.mediaAttached;
    expect(attached).toContain(event?.media.id);
    expect(event?.attachedBy).toMatchObject({ displayName: 'Ali Assignee' });
    expect(event?.task.title).toBe('Collect pictures');
    expect(event?.task.media.totalCount).toBeGreaterThan(0);
    expect(event?.media.filename).toMatch(/^picture-\d+\.png$/);
    expect((await fetch(event?.media.thumbnail.url ?? '')).status).toBe(200);
  });

  it('gets what it has missed, in order and once, when it comes back with the last event it saw', async () => {
    const { heard } = await attachUntilHeard(graphqlWs());
    await own.run();
    const { edges: before } = await mediaOf();
    const missed: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      const mediaId = await assignee.addPicture(await smallPng());
      expectData(await assignee.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
      missed.push(mediaId);
    }
    const lastEventId = heard.extensions?.eventId;
    const since = before.slice(before.indexOf(heard.data?.mediaAttached.media.id ?? '') + 1);
    const expected = [...since, ...missed];
    const got: string[] = [];
    for await (const { data } of graphqlWs(taskId, { lastEventId })) {
      got.push(data?.mediaAttached.media.id ?? '');
      if (got.length === expected.length) break;
    }
    expect(got).toEqual(expected);
  });

  it('gets what it has missed when that is more than the gateway keeps waiting', async () => {
    const id = await owner.addTask({ title: 'Much to miss' });
    const [probe, ...mediaIds] = await Promise.all(
      Array.from({ length: 11 }, async (_, index) => owner.addPicture(await smallPng(), `many-${index}.png`)),
    );
    const attachAndDetach = async (ids: readonly (string | undefined)[]) => {
      const input = { taskId: id, mediaIds: ids };
      expectData(await owner.run('AttachMedia', { input }));
      expectData(await owner.run('DetachMedia', { input }));
    };
    let seen: LiveResult | null = null;
    const first = graphqlWs(id)
      .next()
      .then(({ value }) => (seen = value as LiveResult));
    while (seen === null) await attachAndDetach([probe]);
    const lastEventId = (await first).extensions?.eventId;
    await own.run();

    const missed: string[] = [];
    for (let round = 0; round < 30; round += 1) {
      await attachAndDetach(mediaIds);
      missed.push(...mediaIds);
    }
    const got: string[] = [];
    for await (const { data } of graphqlWs(id, { lastEventId })) {
      const mediaId = data?.mediaAttached.media.id ?? '';
      if (mediaId !== probe) got.push(mediaId);
      if (got.length === missed.length) break;
    }
    expect(got).toEqual(missed);
  });

  it('is told to come back when the gateway is restarted, and hears on', async () => {
    const closedWith: number[] = [];
    const client = createWsClient({
      url: wsUrl(),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: authorization() },
      // A busy machine takes its time to start a process.
      retryAttempts: Infinity,
      retryWait: () => delay(50),
      // By itself it gives up when nobody listens at all for a moment.
      shouldRetry: () => true,
      on: { closed: (event) => closedWith.push((event as { code: number }).code) },
    });
    own.add(async () => client.dispose());
    const heard = new Set<string>();
    client.subscribe<{ mediaAttached: MediaAttached }>(
      { query, variables: { taskId } },
      {
        next: ({ data }) => heard.add(data?.mediaAttached.media.id ?? ''),
        error: () => closedWith.push(Number.NaN),
        complete: () => undefined,
      },
    );
    const attachUntilOneIsHeard = async () => {
      const attached: string[] = [];
      while (!attached.some((id) => heard.has(id))) {
        const mediaId = await assignee.addPicture(await smallPng());
        expectData(await assignee.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
        attached.push(mediaId);
      }
    };
    await attachUntilOneIsHeard();
    expect(closedWith).toEqual([]);
    // It is sent SIGTERM, ends, and is started again.
    await story.graph?.restart('gateway');
    await attachUntilOneIsHeard();
    expect(closedWith[0]).toBe(1012);
    expect(closedWith).not.toContain(Number.NaN);
  });

  it('hears of each change of the task, until it is deleted', async () => {
    const id = await owner.addTask({ title: 'Short life' });
    const client = createWsClient({
      url: wsUrl(),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: authorization() },
    });
    own.add(async () => client.dispose());
    const changes = client.iterate<{ taskChanged: { kind: string; task: { version: number } | null } }>({
      query: operation('TaskChanged'),
      variables: { taskId: id },
    });
    const first = changes.next();
    let heard = false;
    void first.then(() => (heard = true));
    let version = 1;
    while (!heard) {
      const input = { id, expectedVersion: version, title: `Version ${version + 1}` };
      expectData(await owner.run('UpdateTask', { input }));
      version += 1;
    }
    expect((await first).value).toMatchObject({ data: { taskChanged: { kind: 'UPDATED' } } });
    expectData(await owner.run('DeleteTask', { id }));
    const kinds: string[] = [];
    for await (const { data } of changes) kinds.push(data?.taskChanged.kind ?? '');
    expect(kinds.at(-1)).toBe('DELETED');
  });

  it('hears that a picture is ready, also when it has been for a while', async () => {
    const mediaId = await owner.addPicture(await smallPng());
    const client = createSseClient({ url: gatewayUrl(), headers: { authorization: authorization() } });
    own.add(async () => client.dispose());
    const results: unknown[] = [];
    for await (const { data } of client.iterate({ query: operation('MediaProcessed'), variables: { mediaId } }))
      results.push(data);
    expect(results).toMatchObject([{ mediaProcessed: { id: mediaId, status: 'READY' } }]);
  });

  it('is not for somebody who may not see the task', async () => {
    const stranger = await story.newPerson('Stranger');
    const client = createWsClient({
      url: wsUrl(),
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${stranger.accessToken}` },
    });
    own.add(async () => client.dispose());
    const failure = await new Promise<unknown>((resolve) => {
      client.subscribe(
        { query, variables: { taskId } },
        { next: resolve, error: resolve, complete: () => resolve('complete') },
      );
    });
    expect(failure).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });

  /** Ids of what is attached, in the order of attaching. */
  async function mediaOf(): Promise<{ edges: string[] }> {
    const { task } = expectData(await owner.run('TaskWithMedia', { id: taskId, first: 100 }));
    const { edges } = (task as { media: { edges: Array<{ node: { id: string } }> } }).media;
    return { edges: edges.map(({ node }) => node.id) };
  }
});
