import {
  createLog,
  createMetrics,
  openEventTransport,
  type LiveFeed,
  type Log,
  type ServiceProcess,
} from '@taskgraph/service-kit';
import {
  cloneDatabase,
  expectData,
  PATIENCE,
  postGraphQL,
  startEntityServer,
  subscribeGraphQL,
  testJwks,
  watchListeners,
  type PeerServer,
  type GraphQLResult,
  type GraphQLSubscription,
  type TestDatabase,
  type TestViewer,
  TEST_CLIENT_INFO_SECRET,
} from '@taskgraph/testkit';
import type pg from 'pg';
import { createTaskSubgraph, readTaskConfig } from '../src/subgraph.js';

export interface TaskGraph extends AsyncDisposable {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly service: ServiceProcess;
  readonly auth: PeerServer;
  readonly media: PeerServer;
  readonly database: TestDatabase;
  /** Media that the media service knows, with their status. */
  readonly mediaStatus: Map<string, string>;
  /** Who has uploaded which of them, where that matters. */
  readonly mediaUploaders: Map<string, string>;
  /** Users that the auth service does not know. */
  readonly unknownUsers: Set<string>;
  run(who: TestViewer | null, query: string, variables?: Record<string, unknown>): Promise<GraphQLResult>;
  subscribe(
    who: TestViewer | null,
    query: string,
    variables?: Record<string, unknown>,
    lastEventId?: string,
  ): GraphQLSubscription;
  readonly feed: LiveFeed;
  /** Waits until so many subscriptions to a task listen in this process: from then on they miss nothing. One if absent. */
  untilListening(taskId: string, count?: number): Promise<void>;
  /** Starts another process on the same database. To be stopped first. */
  replica(): Promise<TaskGraph>;
  addTask(who: TestViewer, input?: Record<string, unknown>): Promise<string>;
}

/** Starts the task subgraph on a database of its own, with stand-ins for the two services that it asks. */
export async function startTaskGraph(
  settings: Record<string, string> = {},
  given?: { readonly database: TestDatabase; readonly mediaStatus: Map<string, string> },
  parts: { readonly log?: Log } = {},
): Promise<TaskGraph> {
  const mediaStatus = given?.mediaStatus ?? new Map<string, string>();
  const mediaUploaders = new Map<string, string>();
  const unknownUsers = new Set<string>();
  const database = given?.database ?? (await cloneDatabase('task'));
  const auth = await startEntityServer(({ id }) => (unknownUsers.has(id) ? null : { id }));
  const media = await startEntityServer(({ id }) => {
    const status = mediaStatus.get(id);
    return status === undefined ? null : { id, status, uploadedBy: { id: mediaUploaders.get(id) ?? id } };
  });
  let pool: pg.Pool | undefined;
  const config = readTaskConfig({
    TASK_PORT: '0',
    TASK_DATABASE_URL: database.url,
    CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET,
    AUTH_URL: auth.url,
    MEDIA_URL: media.url,
    ...PATIENCE,
    ...settings,
  });
  const log = parts.log ?? createLog({ service: 'task', level: 'silent' });
  const opened = openEventTransport(config, { log, metrics: createMetrics('transport') });
  const { feed, untilListening } = watchListeners(opened.feed);
  const transport = { ...opened, feed };
  const service = await createTaskSubgraph(config, { jwks: testJwks, log, transport, onPool: (made) => (pool = made) });
  const { url } = await service.listen();
  const run: TaskGraph['run'] = (who, query, variables = {}) =>
    postGraphQL(url, { query, variables, token: who?.token });
  return {
    url,
    pool: pool as pg.Pool,
    service,
    auth,
    media,
    database,
    mediaStatus,
    mediaUploaders,
    unknownUsers,
    run,
    subscribe: (who, query, variables = {}, lastEventId) =>
      subscribeGraphQL(url, { query, variables, token: who?.token, lastEventId }),
    feed,
    untilListening,
    replica: () => startTaskGraph(settings, { database, mediaStatus }),
    async addTask(who, input = {}) {
      const result = await run(
        who,
        'mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }',
        { input: { title: 'A task', ...input } },
      );
      return (expectData(result) as { createTask: { task: { id: string } } }).createTask.task.id;
    },
    async [Symbol.asyncDispose]() {
      await service.close();
      await auth.stop();
      await media.stop();
      if (!given) await database.drop();
    },
  };
}
