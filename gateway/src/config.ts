import { fileURLToPath } from 'node:url';
import { JWKS_PATH, REVOCATIONS_PATH, SESSION_TOKENS_PATH } from '@taskgraph/contracts';
import {
  atEach,
  ConfigError,
  DEVELOPMENT_ORIGINS,
  documentLimits,
  documentSettings,
  parseAddressRanges,
  parseConfig,
  parseOriginRule,
  rateLimitSettings,
  isLoopback,
  readTogether,
  processSettings,
  settings,
  showsSchema,
  tokenSettings,
  type OriginRule,
} from '@taskgraph/service-kit';
import { z } from 'zod';
import { parsePolicyTable, type PolicyTable } from './admission/claim-conditions.js';
import { splitUrls } from '@taskgraph/federation-engine/internal/subgraphs/url-list.js';
import type { DocumentLimits } from '@taskgraph/federation-engine/documents';

const MIB = 1024 * 1024;
const OWN_SUPERGRAPH = fileURLToPath(new URL('../supergraph.graphql', import.meta.url));
const OWN_AUTH_URL = 'http://127.0.0.1:3001';

const schema = z.object({
  ...processSettings,
  ...tokenSettings,
  ...rateLimitSettings,
  ...documentSettings,
  GATEWAY_PORT: settings.port(3000),
  /** Of its own for `/metrics` and health in detail; they are answered at GATEWAY_PORT when absent. */
  GATEWAY_OPERATIONS_PORT: settings.optionalPort(),
  /** Processes that serve at GATEWAY_PORT together; of the gateway that runs alone, not of `npm start`. */
  GATEWAY_WORKERS: settings.positiveInt(1),
  SUPERGRAPH_PATH: settings.text(OWN_SUPERGRAPH),
  /** How often the supergraph file is looked at. */
  SUPERGRAPH_POLL_MS: settings.durationMs(1_000),
  /** Of one supergraph: one that takes longer is refused, and the one before goes on. */
  SUPERGRAPH_LOAD_TIMEOUT_MS: settings.durationMs(60_000),
  /** Of compiling the operations in use for a new supergraph before it serves; what is left is compiled when it is asked for. */
  SUPERGRAPH_WARM_UP_MS: settings.durationMs(30_000),
  /** Where the public keys of access tokens are. */
  JWKS_URL: settings.url().optional(),
  /** Where it is told which sessions have ended before their access tokens expire. */
  REVOCATIONS_URL: settings.url().optional(),
  /** Refuses operations that ask for anything that their viewer may not see, in the place of answering the rest. */
  AUTHORIZATION_REJECT: settings.flag(false),
  /** Conditions on claims by policy, in JSON: `{"staff": {"role": "ADMIN"}}`. */
  AUTHORIZATION_POLICIES: settings.text('{}').transform(readPolicies),
  /** Asked about policies that are not among them. */
  AUTHORIZATION_POLICY_URL: settings.url().optional(),
  AUTHORIZATION_POLICY_TIMEOUT_MS: settings.durationMs(1_000),
  SUBGRAPH_TIMEOUT_MS: settings.durationMs(3_000),
  SUBGRAPH_MAX_CONNECTIONS: settings.positiveInt(256),
  /** Of one answer, after decompression, and of one event of a subscription. */
  SUBGRAPH_MAX_ANSWER_BYTES: settings.bytes(16 * MIB),
  /** Fetches under way at once to one subgraph, and how many more may wait; beyond that, load is shed. */
  SUBGRAPH_MAX_CONCURRENCY: settings.positiveInt(256),
  SUBGRAPH_MAX_WAITING: settings.positiveInt(1_000),
  /** Errors that are read of one answer of a subgraph; what is beyond is counted. */
  SUBGRAPH_MAX_ERRORS: settings.positiveInt(1_000),
  /** Errors told of one answer, or of one part of it, whichever service has made them; what is beyond is counted. */
  ANSWER_MAX_ERRORS: settings.positiveInt(1_000),
  /** Subgraphs whose messages clients read also where an error has no code that says something: `all`, `none`, or names. */
  SUBGRAPH_ERROR_MESSAGES: settings.text('none'),
  /** Speaks HTTP/2 to subgraphs that offer it over TLS. */
  SUBGRAPH_HTTP2: settings.flag(false),
  /** PEM file of authorities that vouch for subgraphs over TLS, beside those that Node knows. */
  SUBGRAPH_CA_FILE: settings.file().optional(),
  SUBGRAPH_BREAKER_ERROR_PERCENTAGE: settings.positiveInt(50),
  SUBGRAPH_BREAKER_RESET_MS: settings.durationMs(2_000),
  UPLOAD_TIMEOUT_MS: settings.durationMs(120_000),
  UPLOAD_MAX_BYTES: settings.bytes(100 * MIB),
  UPLOAD_MAX_FILES: settings.positiveInt(10),
  /** Where files wait that cannot be passed on while they arrive; the system's folder for such files when absent. */
  UPLOAD_SPOOL_DIR: settings.file().optional(),
  /** Of all files that wait there at one time. */
  UPLOAD_SPOOL_MAX_BYTES: settings.bytes(1024 * MIB),
  /** Where they wait: with less, health says that something is wrong. */
  MIN_FREE_DISK_BYTES: settings.bytes(256 * MIB),
  /** Uploads under way at once to one subgraph, with connections of their own: slow ones keep nothing else waiting. */
  SUBGRAPH_MAX_UPLOADS: settings.positiveInt(32),
  /** Of those, in the name of one user, or of everybody at one address who has not signed in. */
  SUBGRAPH_MAX_UPLOADS_PER_USER: settings.positiveInt(6),
  MAX_BODY_BYTES: settings.bytes(MIB),
  /** Compresses answers with gzip for clients that take it; asks subgraphs to do so. Worth its CPU on slow networks. */
  COMPRESSION: settings.flag(false),
  SUBGRAPH_COMPRESSION: settings.flag(false),
  /** Operations in one HTTP request, as a JSON array; 1 serves no arrays. */
  MAX_BATCH_OPERATIONS: settings.positiveInt(10),
  /** From the request's arrival to its answer. */
  OPERATION_TIMEOUT_MS: settings.durationMs(30_000),
  /** Labels of `@override` that hold for every request, and the header that names those of one: for a proxy to set. */
  OVERRIDE_LABELS: settings.list(String, 'a label').optional(),
  OVERRIDE_LABELS_HEADER: settings.headerName().optional(),
  /** Automatic persisted queries: documents are remembered by their hash for every client that sends that. */
  APQ: settings.flag(true),
  /** A manifest of persisted queries: only its documents are served. */
  SAFELIST_FILE: settings.file().optional(),
  /** Whether other documents are refused, or only told in the log. */
  SAFELIST_MODE: z.enum(['enforce', 'audit'], { error: 'must be enforce or audit' }).default('enforce'),
  /** Takes ids only, and not the texts that they stand for. */
  SAFELIST_REQUIRE_ID: settings.flag(false),
  /** How often the manifest is looked at. */
  SAFELIST_POLL_MS: settings.durationMs(1_000),
  /** Of what one operation asks of one subgraph. */
  SUBGRAPH_MAX_COST: settings.optionalPositiveInt(),
  /** Items in a list that nothing bounds. */
  ASSUMED_LIST_SIZE: settings.positiveInt(10),
  /** Of one plan: an operation that takes longer is refused. */
  PLAN_TIMEOUT_MS: settings.durationMs(10_000),
  /** New operations that wait to be planned; beyond that they are shed. */
  PLAN_MAX_WAITING: settings.positiveInt(1_000),
  PLAN_CACHE_MIB: settings.positiveInt(30),
  /** Of answers that subgraphs allow to be kept, without Redis; 0 keeps nothing, with Redis or without. */
  ENTITY_CACHE_MIB: settings.nonNegativeInt(32),
  /** How long it is waited for what another process fetches for the same cache. */
  ENTITY_CACHE_WAIT_MS: settings.durationMs(500),
  /** Shared by all processes; without it each has a cache of its own. */
  REDIS_URL: settings.redisUrl().optional(),
  /** Where events tell the entity cache what to forget. */
  PUBSUB_PROJECT_ID: settings.googleProjectId().optional(),
  /** Holders of one of these scopes may see every event, so they share subscriptions at subgraphs. */
  SUBSCRIPTION_SHARED_SCOPES: settings.text('admin'),
  /** How long a subscription's lost subgraph is looked for. */
  SUBSCRIPTION_RETRY_MS: settings.durationMs(60_000),
  SUBSCRIPTION_MAX: settings.positiveInt(50_000),
  SUBSCRIPTION_MAX_PER_USER: settings.positiveInt(200),
  /** Of everybody at one address who has not signed in. */
  SUBSCRIPTION_MAX_PER_ADDRESS: settings.positiveInt(1_000),
  /** Proxies whose word is taken for where a client is; without any, it is where the connection comes from. */
  TRUST_PROXY: settings
    .list(parseAddressRanges, 'an address, a range such as 10.0.0.0/8, loopback or private')
    .optional(),
  /** In which they say it. */
  CLIENT_ADDRESS_HEADER: settings.headerName().optional(),
  /** Operations of everybody at one address, and of those without a token; `200/60` is 200 in 60 seconds. */
  RATE_LIMIT_ADDRESS: settings.rate('6000/60'),
  RATE_LIMIT_ANONYMOUS: settings.rate('200/60'),
  /** Of one user: fields of mutations, files and their bytes, and what operations cost as estimated. */
  RATE_LIMIT_MUTATIONS: settings.rate('600/60'),
  RATE_LIMIT_UPLOADS: settings.rate('500/3600'),
  RATE_LIMIT_UPLOAD_BYTES: settings.rate('10737418240/3600'),
  RATE_LIMIT_COST: settings.rate('5000000/60'),
  /** Signs what subgraphs are told of clients; the same for all processes. */
  CLIENT_INFO_SECRET: settings.secret(32).optional(),
  /** Events of one subscription that wait while an earlier one is answered. */
  SUBSCRIPTION_MAX_QUEUED_EVENTS: settings.positiveInt(100),
  /** Answers to events that are fetched for at once. */
  SUBSCRIPTION_MAX_CONCURRENCY: settings.positiveInt(128),
  /** Between signs of life, towards clients and subgraphs. */
  SUBSCRIPTION_HEARTBEAT_MS: settings.durationMs(15_000),
  /** Of a client that reads too slowly. */
  SUBSCRIPTION_MAX_BUFFERED_BYTES: settings.bytes(MIB),
  WEBSOCKET_MAX_CONNECTIONS: settings.positiveInt(20_000),
  /** Under way at once on one connection, subscriptions included. */
  WEBSOCKET_MAX_OPERATIONS: settings.positiveInt(100),
  WEBSOCKET_MAX_MESSAGE_BYTES: settings.bytes(MIB),
  /** From a connection's handshake to its `connection_init`. */
  WEBSOCKET_INIT_TIMEOUT_MS: settings.durationMs(10_000),
  /** Whose pages may call, beside this gateway's own; see `origin-rules.ts`. */
  CORS_ORIGINS: settings.list(parseOriginRule, 'an origin such as https://app.example.com').optional(),
  /** How long browsers remember that a page may call; Chromium does so for two hours at most. */
  CORS_MAX_AGE_SECONDS: settings.durationSeconds(7_200),
  /** Whether browsers may have their sessions in cookies; `localhost` is without TLS, for development. */
  SESSION_COOKIES: z.enum(['off', 'secure', 'localhost'], { error: 'must be off, secure or localhost' }).default('off'),
  /** Of the URL that an `EventSource` opens. */
  EVENT_SOURCE_LIFETIME_SECONDS: settings.durationSeconds(30),
  /** Shared by gateways that open each other's. */
  EVENT_SOURCE_SECRET: settings.secret(32).optional(),
  /** Operations that metrics know by their names, beside those that are registered; all others are one. */
  METRICS_OPERATIONS: settings.list(String, 'a name').optional(),
  SLOW_OPERATION_MS: settings.durationMs(1_000),
  /** Counts which clients ask for what, in Redis or in USAGE_DIR; on where there is one of them. */
  USAGE_RECORDING: settings.optionalFlag(),
  /** Where it is kept without Redis, for the gateways of this machine. */
  USAGE_DIR: settings.file().optional(),
  /** How often it is told there what was counted. */
  USAGE_FLUSH_MS: settings.durationMs(10_000),
  /** One operation of so many is counted, for all of them. */
  USAGE_SAMPLE_ONE_IN: settings.positiveInt(1),
  /** Of a client's version and an operation each; the record that was counted least gives way. */
  USAGE_MAX_RECORDS: settings.positiveInt(2_000),
  /** After which what was not seen again is forgotten. */
  USAGE_RETENTION_DAYS: settings.positiveInt(90),
  /** Serves the REST façade and its OpenAPI document at `/api`. */
  REST_API: settings.flag(true),
  /** Serves Apollo Sandbox to browsers at GET /graphql. */
  SANDBOX: settings.optionalFlag(),
});

export interface GatewayConfig extends z.output<typeof schema> {
  /** Whether clients read the messages of a subgraph's errors that have no code of meaning. */
  readonly showsErrorMessages: (subgraph: string) => boolean;
  readonly documentLimits: DocumentLimits;
  /** Null when tokens are forwarded as they are, for subgraphs that verify them with keys this gateway does not know. */
  readonly jwksUrls: readonly string[] | null;
  /** Null when nobody tells: keys of others than the auth subgraph, and no REVOCATIONS_URL. */
  readonly revocationsUrls: readonly string[] | null;
  /** Where auth gives out tokens for cookies; null when tokens are of others. */
  readonly sessionTokensUrls: readonly string[] | null;
  /** URLs of subgraphs by name, in the place of those in the supergraph: AUTH_URL is for the subgraph `auth`. */
  readonly subgraphUrls: Readonly<Record<string, string>>;
  /** Time-outs of fetches by subgraph, in the place of SUBGRAPH_TIMEOUT_MS: AUTH_TIMEOUT_MS is for the subgraph `auth`. */
  readonly subgraphTimeoutsMs: Readonly<Record<string, number>>;
  readonly introspection: boolean;
  readonly sandbox: boolean;
  /** The viewers who are shown the plan of an operation on demand. */
  readonly showsPlans: 'everybody' | 'administrators' | 'nobody';
  /** Whose pages may call. */
  readonly origins: readonly OriginRule[];
  /** Limits of costs by subgraph, in the place of SUBGRAPH_MAX_COST: AUTH_MAX_COST is for the subgraph `auth`. */
  readonly subgraphMaxCosts: Readonly<Record<string, number>>;
}

const DEVELOPMENT = DEVELOPMENT_ORIGINS.flatMap((text) => parseOriginRule(text) ?? []);

const NO_SUBGRAPH_URLS = new Set(['JWKS_URL', 'REVOCATIONS_URL', 'APP_URL', 'AUTHORIZATION_POLICY_URL', 'REDIS_URL']);
/** Settings of other processes, which share the environment when all run in one. */
const NO_SUBGRAPH_TIMEOUTS = new Set([
  'PEER_TIMEOUT_MS',
  'PASSWORD_CHECK_TIMEOUT_MS',
  'DB_CONNECT_TIMEOUT_MS',
  'DB_STATEMENT_TIMEOUT_MS',
]);

/** @throws ConfigError listing every fault */
export function readGatewayConfig(env: NodeJS.ProcessEnv = process.env): GatewayConfig {
  const { config, subgraphUrls, subgraphTimeoutsMs, subgraphMaxCosts } = readTogether({
    config: () => assertTogether(parseConfig(schema, env)),
    subgraphUrls: () => readSubgraphUrls(env),
    subgraphTimeoutsMs: () => readSubgraphTimeouts(env),
    subgraphMaxCosts: () => readSubgraphMaxCosts(env),
  });
  const authUrl = subgraphUrls['auth'] ?? (config.SUPERGRAPH_PATH === OWN_SUPERGRAPH ? OWN_AUTH_URL : undefined);
  const at = (path: string) => (authUrl === undefined ? null : atEach(authUrl, path));
  const jwksUrls = config.JWKS_URL === undefined ? at(JWKS_PATH) : [config.JWKS_URL];
  const ofOwn = (path: string) => (config.JWKS_URL === undefined ? at(path) : null);
  const revocationsUrls = config.REVOCATIONS_URL === undefined ? ofOwn(REVOCATIONS_PATH) : [config.REVOCATIONS_URL];
  const sessionTokensUrls = ofOwn(SESSION_TOKENS_PATH);
  if (config.SESSION_COOKIES !== 'off' && sessionTokensUrls === null)
    throw new ConfigError(['SESSION_COOKIES: needs AUTH_URL, the auth subgraph that keeps the sessions']);
  const development = config.NODE_ENV === 'development';
  return {
    ...config,
    documentLimits: documentLimits(config),
    jwksUrls,
    revocationsUrls,
    sessionTokensUrls,
    subgraphUrls,
    subgraphTimeoutsMs,
    subgraphMaxCosts,
    introspection: showsSchema(config),
    sandbox: config.SANDBOX ?? development,
    showsPlans: !showsSchema(config) ? 'nobody' : development ? 'everybody' : 'administrators',
    origins: config.CORS_ORIGINS ?? (development ? DEVELOPMENT : []),
    showsErrorMessages: readErrorMessages(config.SUBGRAPH_ERROR_MESSAGES),
  };
}

/** What each setting may be, and not beside another one. @throws ConfigError */
function assertTogether(config: z.output<typeof schema>): z.output<typeof schema> {
  const faults: string[] = [];
  if (config.SAFELIST_REQUIRE_ID && config.SAFELIST_FILE === undefined)
    faults.push('SAFELIST_REQUIRE_ID: needs SAFELIST_FILE, which says what ids stand for');
  if (config.USAGE_RECORDING === true && config.USAGE_DIR === undefined && config.REDIS_URL === undefined)
    faults.push('USAGE_RECORDING: needs REDIS_URL or USAGE_DIR, which say where usage is kept');
  if (config.CLIENT_ADDRESS_HEADER !== undefined && config.TRUST_PROXY === undefined)
    faults.push('CLIENT_ADDRESS_HEADER: needs TRUST_PROXY, which says whose word is taken: anybody can send a header');
  if (config.SESSION_COOKIES !== 'off') {
    if (config.CLIENT_INFO_SECRET === undefined)
      faults.push('SESSION_COOKIES: needs CLIENT_INFO_SECRET, by which auth knows the gateway');
    if (config.CORS_ORIGINS?.some(({ kind }) => kind === 'any'))
      faults.push(
        'SESSION_COOKIES: CORS_ORIGINS must name the origins: with * any page could use the cookies of its visitors',
      );
  }
  if (config.SESSION_COOKIES === 'localhost' && config.NODE_ENV === 'production' && !isLoopback(config.HOST))
    faults.push('SESSION_COOKIES: localhost is for development on this machine; set secure');
  if (config.REQUEST_TIMEOUT_MS < config.UPLOAD_TIMEOUT_MS)
    faults.push(
      `REQUEST_TIMEOUT_MS: must be at least UPLOAD_TIMEOUT_MS (${config.UPLOAD_TIMEOUT_MS}), which no upload could use up`,
    );
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/** Names are written as in the supergraph; as elsewhere in the configuration, only letters and digits count. */
function readErrorMessages(value: string): (subgraph: string) => boolean {
  if (value === 'all') return () => true;
  const names = new Set(namesOfErrorMessages(value).map(subgraphKey));
  return (subgraph) => names.has(subgraphKey(subgraph));
}

function namesOfErrorMessages(value: string): string[] {
  if (value === 'all' || value === 'none') return [];
  return value.split(',').flatMap((name) => name.trim() || []);
}

/**
 * Makes sure that subgraphs which settings name are there. Only when the gateway starts: later versions of the graph may have others.
 *
 * @throws ConfigError
 */
export function assertKnownSubgraphs(
  { SUBGRAPH_ERROR_MESSAGES }: Pick<GatewayConfig, 'SUBGRAPH_ERROR_MESSAGES'>,
  subgraphs: ReadonlyArray<{ readonly name: string }>,
): void {
  const known = new Set(subgraphs.map(({ name }) => subgraphKey(name)));
  const lost = namesOfErrorMessages(SUBGRAPH_ERROR_MESSAGES).filter((name) => !known.has(subgraphKey(name)));
  if (lost.length === 0) return;
  const names = subgraphs.map(({ name }) => name).join(', ');
  throw new ConfigError(lost.map((name) => `SUBGRAPH_ERROR_MESSAGES: there is no subgraph ${name}, but ${names}`));
}

function readPolicies(text: string, issues: z.RefinementCtx): PolicyTable {
  try {
    return parsePolicyTable(text);
  } catch (error) {
    issues.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
}

/** `<NAME>_URL`, with `_` for what cannot stand in the name of a setting, is the URL of the subgraph `<name>`. */
function readSubgraphUrls(env: NodeJS.ProcessEnv): Record<string, string> {
  const urls: Record<string, string> = {};
  const faults: string[] = [];
  for (const [setting, value] of Object.entries(env)) {
    const name = /^([A-Z][A-Z0-9_]*)_URL$/.exec(setting)?.[1];
    if (
      name === undefined ||
      !value ||
      NO_SUBGRAPH_URLS.has(setting) ||
      name.endsWith('_DATABASE') ||
      name.endsWith('_PUBLIC')
    )
      continue;
    if (!/^https?:\/\//.test(value)) continue;
    if (splitUrls(value).every((url) => URL.canParse(url) && /^https?:/.test(url))) urls[name.toLowerCase()] = value;
    else faults.push(`${setting}: must be an http(s) URL, or several with commas between them`);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return urls;
}

/** `<NAME>_TIMEOUT_MS`, named as the URLs are. */
function readSubgraphTimeouts(env: NodeJS.ProcessEnv): Record<string, number> {
  return readPerSubgraph(env, '_TIMEOUT_MS', settings.optionalDurationMs());
}

/** `<NAME>_MAX_COST`, named likewise. */
function readSubgraphMaxCosts(env: NodeJS.ProcessEnv): Record<string, number> {
  return readPerSubgraph(env, '_MAX_COST', settings.optionalPositiveInt());
}

function readPerSubgraph(
  env: NodeJS.ProcessEnv,
  ending: string,
  setting: ReturnType<typeof settings.optionalPositiveInt>,
): Record<string, number> {
  const names = Object.keys(env).filter(
    (name) =>
      name.endsWith(ending) &&
      /^[A-Z][A-Z0-9_]*$/.test(name) &&
      !(name in schema.shape) &&
      !NO_SUBGRAPH_TIMEOUTS.has(name),
  );
  const known = z.object(Object.fromEntries(names.map((name) => [name, setting])));
  const read = Object.entries(parseConfig(known, env));
  return Object.fromEntries(
    read.flatMap(([name, value]) =>
      value === undefined ? [] : [[name.slice(0, -ending.length).toLowerCase(), value]],
    ),
  );
}

/** Whether the graph is that of this project, whose subgraphs are known. */
export function servesOwnGraph({ SUPERGRAPH_PATH }: Pick<GatewayConfig, 'SUPERGRAPH_PATH'>): boolean {
  return SUPERGRAPH_PATH === OWN_SUPERGRAPH;
}

/** The name of a subgraph as the configuration knows it. */
export function subgraphKey(subgraph: string): string {
  return subgraph.toLowerCase().replace(/[^a-z0-9]/g, '_');
}
