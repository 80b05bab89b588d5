import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  expectData,
  smallPng,
  startOtlpReceiver,
  startSmtpServer,
  subscribeGraphQL,
  type OtlpReceiver,
  type ReceivedSpan,
  type SmtpServer,
} from '@taskgraph/testkit';
import { findSecrets, readWritings } from './find-secrets.js';
import { SETTINGS, spendSecrets } from './spend-secrets.js';
import { operation } from '../operations.js';
import { PASSWORD, startStory, withServers, type Person, type Story } from '../story.js';

const REDIS_PASSWORD = 'the password of this Redis';
const SMTP_PASSWORD = 'the password of this mail server';
/** Of what a process has logged, older lines are not kept: none may have gone unread. */
const KEPT_LINES = 5_000;

/** The chain of a span's names, from its own to that of the root. */
function pathOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string[] {
  const path: string[] = [];
  for (let at: ReceivedSpan | undefined = span; at; at = parentOf(at, spans))
    path.push(`${at.service.replace('taskgraph-', '')}: ${at.name}`);
  return path;
}

function parentOf({ traceId, parentSpanId }: ReceivedSpan, spans: readonly ReceivedSpan[]): ReceivedSpan | undefined {
  return spans.find((other) => other.traceId === traceId && other.spanId === parentSpanId);
}

withServers('one trace', () => {
  let receiver: OtlpReceiver;
  let smtp: SmtpServer;
  let story: Story;
  let ada: Person;
  beforeAll(async () => {
    receiver = await startOtlpReceiver();
    smtp = await startSmtpServer({ password: SMTP_PASSWORD });
    story = await startStory({
      withEvents: true,
      redisPassword: REDIS_PASSWORD,
      settings: {
        ...SETTINGS,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_BSP_SCHEDULE_DELAY: '100',
        LOG_LEVEL: 'debug',
        SMTP_URL: smtp.url,
        SESSION_COOKIES: 'localhost',
        CORS_ORIGINS: 'https://app.example.com',
        USAGE_FLUSH_MS: '100',
      },
    });
    ada = await story.newPerson('Ada Traced');
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
    await smtp?.[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  it('follows attachMedia from HTTP through the outbox to those who hear of it', async () => {
    const taskId = await ada.addTask({ title: 'Followed' });
    await using subscription = subscribeGraphQL(story.gatewayUrl, {
      query: operation('MediaAttached'),
      variables: { taskId },
      token: ada.accessToken,
    });
    const traceOf = new Map<string, string>();
    const requestOf = new Map<string, string>();
    let heard: string | null = null;
    const first = subscription
      .events(1)
      .then(([event]) => (heard = event?.body.data?.mediaAttached.media.id as string));
    // Nothing else tells that the subscription has begun.
    while (heard === null) {
      const mediaId = await ada.addPicture(await smallPng());
      const { headers, body } = await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } });
      expect(body.errors).toBeUndefined();
      expect(headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
      traceOf.set(mediaId, headers.get('x-trace-id') ?? '');
      requestOf.set(mediaId, headers.get('x-request-id') ?? '');
    }
    const mediaId = await first;
    const traceId = traceOf.get(mediaId);
    expect(traceId).toBeDefined();

    /** Waits for a span of the trace, and tells its way up to the request. */
    const until = async (service: string, name: string | RegExp) => {
      const isIt = (span: ReceivedSpan) =>
        span.traceId === traceId &&
        span.service === `taskgraph-${service}` &&
        (typeof name === 'string' ? span.name === name : name.test(span.name));
      const found = await receiver.until((spans) =>
        spans.find((span) => isIt(span) && pathOf(span, spans).at(-1) === ROOT),
      );
      return pathOf(found, receiver.spans);
    };
    const ROOT = 'gateway: POST /graphql';
    const request = ['task: POST /graphql', 'gateway: fetch task', 'gateway: graphql execute', ROOT];

    expect(await until('task', 'insert task_media')).toEqual(['task: insert task_media', ...request]);
    const [, ...published] = await until('task', /^publish/);
    expect(published).toEqual(request);
    expect(await until('media', /^handle task\.media-attached/)).toEqual([
      'media: handle task.media-attached.v1',
      'task: publish task.media-attached.v1',
      ...request,
    ]);
    expect(await until('task', 'live mediaAttached')).toEqual(['task: live mediaAttached', ...request]);
    expect(await until('gateway', 'live event')).toEqual([
      'gateway: live event',
      'task: live mediaAttached',
      ...request,
    ]);
    // What the event's answer needs of others.
    expect(await until('gateway', 'fetch media')).toContain('gateway: live event');
    // Who has heard of it over Pub/Sub says in the log whose request it was.
    await untilLogged('media', {
      msg: 'event',
      type: 'task.media-attached.v1',
      outcome: 'ok',
      requestId: requestOf.get(mediaId),
      traceId,
    });
  });

  it('holds what threads and processes of workers do for a request, and what is told of it', async () => {
    const registered = await story.run('Register', {
      input: { email: 'ada.judged@example.com', password: PASSWORD, displayName: 'Ada Judged' },
    });
    const root = 'gateway: POST /graphql';
    expect(await pathInTrace(registered.headers, 'auth', 'judge password')).toEqual([
      'auth: judge password',
      'auth: POST /graphql',
      'gateway: fetch auth',
      'gateway: graphql execute',
      root,
    ]);
    // One that nobody has uploaded before: the same bytes again need no work.
    const { headers, body } = await ada.upload({
      filename: 'picture.png',
      content: await smallPng('coral'),
      contentType: 'image/png',
    });
    expect(body.errors).toBeUndefined();
    expect(await pathInTrace(headers, 'media', 'process image')).toEqual([
      'media: process image',
      'media: process media',
      'media: POST /graphql',
      'gateway: fetch media',
      'gateway: graphql execute',
      root,
    ]);
    const of = { requestId: headers.get('x-request-id'), traceId: headers.get('x-trace-id') };
    await untilLogged('media', { msg: 'media ready', ...of });
    await untilLogged('task', { msg: 'event', type: 'media.processed.v1', outcome: 'ok', ...of });
  });

  /** Waits for a span of the trace of an answer, and tells its way up to the request. */
  async function pathInTrace(headers: Headers, service: string, name: string): Promise<string[]> {
    const traceId = headers.get('x-trace-id');
    const found = await receiver.until((spans) =>
      spans.find(
        (span) =>
          span.traceId === traceId &&
          span.service === `taskgraph-${service}` &&
          span.name === name &&
          pathOf(span, spans).at(-1) === 'gateway: POST /graphql',
      ),
    );
    return pathOf(found, receiver.spans);
  }

  /** Waits for a line of a service's log with these facts. */
  async function untilLogged(service: 'media' | 'task', facts: Readonly<Record<string, unknown>>): Promise<void> {
    const holds = (line: string) => {
      // The name of the process stands before it.
      const start = line.indexOf('{');
      if (start < 0) return false;
      const told = JSON.parse(line.slice(start)) as Record<string, unknown>;
      return Object.entries(facts).every(([name, value]) => told[name] === value);
    };
    while (!story.graph?.logs(service).some(holds)) await delay(50);
  }

  it('is begun by who calls, and goes on in the answer and in every log', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { headers } = await story.run(
      'Login',
      { input: { email: ada.email, password: PASSWORD } },
      {
        traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      },
    );
    expect(headers.get('x-trace-id')).toBe(traceId);
    const requestId = headers.get('x-request-id') ?? '';
    const root = await receiver.until((spans) =>
      spans.find(
        (span) => span.traceId === traceId && span.name === 'POST /graphql' && span.service.endsWith('gateway'),
      ),
    );
    expect(root.parentSpanId).toBe('00f067aa0ba902b7');
    expect(root.attributes).toMatchObject({
      'taskgraph.request.id': requestId,
      'graphql.operation.name': 'Login',
      'graphql.operation.type': 'mutation',
      'http.response.status_code': expect.anything(),
    });
    await receiver.until((spans) => spans.some((span) => span.traceId === traceId && span.name === 'select users'));
    const lines = ['gateway', 'auth'].map((name) =>
      (story.graph?.logs(name as 'auth') ?? []).filter((line) => line.includes(requestId)),
    );
    for (const own of lines) {
      expect(own.length).toBeGreaterThan(0);
      for (const line of own) expect(line).toContain(`"traceId":"${traceId}"`);
    }
  });

  it('holds nothing that people have written', async () => {
    const secret = 'a sentence that is nobody’s business';
    expectData(await ada.run('CreateTask', { input: { title: secret } }));
    await receiver.until((spans) => spans.some((span) => span.name === 'insert tasks'));
    const told = receiver.bodies.join('\n');
    for (const text of [secret, PASSWORD, ada.email, ada.accessToken]) expect(told).not.toContain(text);
  });

  it('tells no secret of the run, nor does a log, a row or a key of Redis', async () => {
    const { graph, servers } = story;
    if (!graph || !servers) throw new Error('this story starts its own processes');
    const secrets = new Map<string, string | Buffer>(Object.entries(SETTINGS));
    const note = (name: string, secret: string | Buffer | null | undefined) => {
      if (!secret || secret.length < 12) throw new Error(`${name} is no secret: ${String(secret)}`);
      secrets.set(name, secret);
    };
    note('REDIS_URL', REDIS_PASSWORD);
    note('SMTP_URL', SMTP_PASSWORD);
    note('*_DATABASE_URL', decodeURIComponent(new URL(graph.databases.auth.url).password));
    await spendSecrets({ story, graph, smtp, note });

    // Whoever comes last is in the traces when all before are, and counted where usage is kept.
    const { headers } = await ada.run('CreateTask', { input: { title: 'The last' } });
    const traceId = headers.get('x-trace-id');
    await receiver.until((spans) => spans.some((span) => span.traceId === traceId && span.name === 'insert tasks'));
    const read = () => readWritings({ graph, redisUrl: servers.redis.url, traces: receiver.bodies });
    let writings = await read();
    while (!/CompleteLogin/.test(writings.get('Redis') ?? '')) writings = await read();
    for (const service of ['gateway', 'auth', 'task', 'media'] as const)
      expect(graph.logs(service).length).toBeLessThan(KEPT_LINES);

    // A search that finds nothing may look nowhere: what is no secret is found.
    const known = findSecrets(new Map([['ada', ada.id]]), writings);
    expect(known).toEqual(
      expect.arrayContaining([
        ...['log of gateway', 'log of auth', 'rows of auth.users', 'rows of task.tasks'].map((at) => `ada: ${at}`),
      ]),
    );
    expect(findSecrets(secrets, writings)).toEqual([]);
    expect(secrets.size).toBeGreaterThan(50);
  }, 300_000);

  it('that is not well formed is begun anew', async () => {
    const { headers } = await story.run('Me', {}, { traceparent: '00-zz-00f067aa0ba902b7-01' });
    expect(headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  });
});
