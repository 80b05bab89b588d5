import { randomBytes } from 'node:crypto';
import { describe } from '@jest/globals';
import {
  createCleanup,
  hasPubSubEmulator,
  hasRedisServer,
  PATIENCE,
  postGraphQL,
  spawnGraph,
  startPubSubEmulator,
  startRedisServer,
  uploadGraphQL,
  type GraphQLResult,
  type PubSubEmulator,
  type RedisServer,
  type SpawnedGraph,
  type UploadFile,
} from '@taskgraph/testkit';
import { operation } from './operations.js';

export const PASSWORD = 'seven green otters juggle';

/** For stories `withEvents`: skipped where their servers are not installed. */
export const withServers: typeof describe.skip = hasRedisServer() && hasPubSubEmulator() ? describe : describe.skip;

/** Somebody with an account, who sends the operations of the contract to the gateway. */
export interface Person {
  readonly id: string;
  readonly email: string;
  accessToken: string;
  refreshToken: string;
  /** Runs a contract operation in this person's name. */
  run(name: string, variables?: Record<string, unknown>): Promise<GraphQLResult>;
  upload(file: UploadFile, variables?: Record<string, unknown>): Promise<GraphQLResult>;
  /** Uploads a picture and tells its id. */
  addPicture(bytes: Buffer, filename?: string): Promise<string>;
  /** Creates a task and tells its id. */
  addTask(input: { title: string } & Record<string, unknown>): Promise<string>;
}

export interface Story extends AsyncDisposable {
  readonly gatewayUrl: string;
  /** The processes and databases behind the gateway; null when the story runs against a system that somebody else started. */
  readonly graph: SpawnedGraph | null;
  /** What carries events and wakes subscriptions; null unless the story asks for it. */
  readonly servers: { readonly redis: RedisServer; readonly pubsub: PubSubEmulator } | null;
  /** Runs a contract operation in nobody's name. */
  run(name: string, variables?: Record<string, unknown>, headers?: Record<string, string>): Promise<GraphQLResult>;
  newPerson(displayName: string): Promise<Person>;
}

export interface StoryOptions {
  /** Starts Redis and Google's Pub/Sub emulator as well, so that events travel between the services. */
  readonly withEvents?: boolean;
  /** Of that Redis. */
  readonly redisPassword?: string;
  /** Of all processes. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts all four processes as built, or tells the story to the gateway at `GATEWAY_URL` when that is set. */
export async function startStory({
  withEvents = false,
  redisPassword,
  settings = {},
}: StoryOptions = {}): Promise<Story> {
  const given = process.env['GATEWAY_URL'];
  const own = createCleanup();
  const use = <Started extends AsyncDisposable>(started: Started): Started => {
    own.add(async () => started[Symbol.asyncDispose]());
    return started;
  };
  try {
    const servers =
      withEvents && given === undefined
        ? {
            redis: use(await startRedisServer(redisPassword === undefined ? {} : { password: redisPassword })),
            pubsub: use(await startPubSubEmulator()),
          }
        : null;
    const carriers: Record<string, string> = servers
      ? {
          REDIS_URL: servers.redis.url,
          PUBSUB_PROJECT_ID: 'taskgraph-story',
          PUBSUB_EMULATOR_HOST: servers.pubsub.host,
        }
      : {};
    const graph =
      given === undefined ? use(await spawnGraph({ settings: { ...PATIENCE, ...carriers, ...settings } })) : null;
    return toStory(given ?? `${graph?.urls.gateway ?? ''}/graphql`, { graph, servers, end: () => own.run() });
  } catch (error) {
    await own.run().catch(() => undefined);
    throw error;
  }
}

function toStory(
  gatewayUrl: string,
  { graph, servers, end }: Pick<Story, 'graph' | 'servers'> & { end: () => Promise<void> },
): Story {
  const run: Story['run'] = (name, variables = {}, headers = {}) =>
    postGraphQL(gatewayUrl, { query: operation(name), variables, headers });
  return {
    gatewayUrl,
    graph,
    servers,
    run,
    async newPerson(displayName) {
      const email = `${displayName.toLowerCase().replace(/\W+/g, '.')}.${randomBytes(6).toString('hex')}@example.com`;
      const { body } = await run('Register', { input: { email, password: PASSWORD, displayName } });
      return toPerson(gatewayUrl, email, tokensOf(body, 'register'));
    },
    [Symbol.asyncDispose]: end,
  };
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly user: { readonly id: string };
}

/** @throws with the whole answer when it holds no tokens */
export function tokensOf(body: GraphQLResult['body'], field: string): Tokens {
  const payload = body.data?.[field] as ({ __typename: string } & Tokens) | null | undefined;
  if (payload?.__typename !== 'AuthPayload') throw new Error(`no tokens in ${JSON.stringify(body)}`);
  return payload;
}

function toPerson(gatewayUrl: string, email: string, tokens: Tokens): Person {
  const person: Person = {
    id: tokens.user.id,
    email,
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    run: (name, variables = {}) =>
      postGraphQL(gatewayUrl, { query: operation(name), variables, token: person.accessToken }),
    upload: (file, variables = {}) =>
      uploadGraphQL(gatewayUrl, {
        query: operation('UploadMedia'),
        variables: { ...variables, file: null },
        files: { 'variables.file': file },
        token: person.accessToken,
      }),
    async addPicture(bytes, filename = 'picture.png') {
      const { body } = await person.upload({ filename, content: bytes, contentType: 'application/octet-stream' });
      const payload = body.data?.['uploadMedia'] as { media?: { id: string } } | null | undefined;
      if (!payload?.media) throw new Error(`no media in ${JSON.stringify(body)}`);
      return payload.media.id;
    },
    async addTask(input) {
      const { body } = await person.run('CreateTask', { input });
      const payload = body.data?.['createTask'] as { task: { id: string } } | null | undefined;
      if (!payload) throw new Error(`no task in ${JSON.stringify(body)}`);
      return payload.task.id;
    },
  };
  return person;
}

/** Asks until the answer is what is waited for: events take their time, and nobody knows how long. */
export async function until<Value>(read: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
  }
}
