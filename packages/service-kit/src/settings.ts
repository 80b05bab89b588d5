import { isIP } from 'node:net';
import type { DocumentLimits } from '@taskgraph/federation-engine/documents';
import { splitUrls } from '@taskgraph/federation-engine/upstream';
import { z } from 'zod';
import { isOneOf, parseAddressRanges } from './address-ranges.js';
import { ConfigError } from './config-error.js';
import { findDefaultSecrets } from './default-secrets.js';
import { LOG_LEVELS } from './log-level.js';
import { findMisspelled } from './misspelled-settings.js';
import { parseRate, type Rate } from './rate-limits/rate.js';
import type { OperationsAddress } from './operations-server.js';
import { parseOtlpHeaders } from './tracing/otlp-headers.js';

/** Somebody who has misspelled a setting is told so once, however many services of the process know the right one. */
const told = new Set<string>();

function warnOnce(text: string): void {
  if (told.has(text)) return;
  told.add(text);
  process.emitWarning(text, 'SettingWarning');
}

function describeMisspelled({ given, meant }: { readonly given: string; readonly meant: string }): string {
  return `${given} is no setting. Did you mean ${meant}?`;
}

/**
 * Reads settings out of an environment. An empty string counts as unset, as in shells and compose files. Of variables that are nearly
 * settings, the process warns. Secrets that only stand for one are refused, but in development.
 *
 * @throws ConfigError listing all faults together, each with the setting's name
 */
export function parseConfig<Schema extends z.ZodType>(
  schema: Schema,
  env: NodeJS.ProcessEnv,
  warn: (text: string) => void = warnOnce,
): z.output<Schema> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const outcome = schema.safeParse(present);
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const misspelled = findMisspelled(names, present);
  const faulty = new Set(outcome.error?.issues.map(({ path }) => path[0]));
  const defaults = findDefaultSecrets(
    names.filter((name) => !faulty.has(name)),
    present,
  );
  if (outcome.success && defaults.length === 0) {
    misspelled.map(describeMisspelled).forEach((text) => warn(text));
    return outcome.data;
  }
  throw new ConfigError([
    ...(outcome.error?.issues ?? []).map((issue) => {
      const name = issue.path.join('.');
      const given = present[name];
      if (given !== undefined) return `${name}: ${issue.message}`;
      const twin = misspelled.find(({ meant }) => meant === name);
      return `${name} is required: ${issue.message}${twin ? ` (${twin.given} is set: is it meant?)` : ''}`;
    }),
    ...defaults,
    ...misspelled.map(describeMisspelled),
  ]);
}

/**
 * Reads several parts of a configuration, so that the faults of all of them are told at once.
 *
 * @throws ConfigError listing all faults together
 */
export function readTogether<Parts extends Readonly<Record<string, () => unknown>>>(
  parts: Parts,
): { readonly [Name in keyof Parts]: ReturnType<Parts[Name]> } {
  const faults: string[] = [];
  const read = Object.entries(parts).map(([name, part]) => {
    try {
      return [name, part()];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(...error.faults);
      return [name, undefined];
    }
  });
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.fromEntries(read) as { readonly [Name in keyof Parts]: ReturnType<Parts[Name]> };
}

const MAX_TIMER_MS = 2_147_483_647;

function integer(minimum: number, maximum: number, unit: string) {
  return z
    .string()
    .regex(/^\d+$/, `must be a whole number${unit}`)
    .transform(Number)
    .pipe(z.number().int().min(minimum, `must be at least ${minimum}`).max(maximum, `must be at most ${maximum}`));
}

/** What a URL can be made of (URL Standard, section 3.5: a name whose last part is a number is an address of IPv4, or nothing). */
function isHost(text: string): boolean {
  return isIP(text) !== 0 || (/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/i.test(text) && URL.canParse(`http://${text}`));
}

function isUrlList(text: string): boolean {
  const urls = splitUrls(text);
  return urls.length > 0 && urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url));
}

const TRACE_SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Pieces that settings are made of: each reads an environment string and says what is wrong with it. */
export const settings = {
  /** 0 lets the system choose a free port. */
  port: (fallback: number) => integer(0, 65_535, '').default(fallback),
  optionalPort: () => integer(0, 65_535, '').optional(),
  host: (fallback = '127.0.0.1') =>
    z.string().refine(isHost, 'must be an address of this machine, or a name, such as 0.0.0.0').default(fallback),
  redisUrl: () => z.url({ protocol: /^rediss?$/, error: 'must be redis://… or rediss://…' }),
  url: (fallback?: string) => {
    const url = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' });
    return fallback === undefined ? url : url.default(fallback);
  },
  /** Of a service that may be at several addresses, with commas between them. */
  urls: (fallback: string) =>
    z.string().refine(isUrlList, 'must be an http(s) URL, or several with commas between them').default(fallback),
  smtpUrl: () => z.url({ protocol: /^smtps?$/, error: 'must be smtp://… or smtps://…' }),
  postgresUrl: () =>
    z.url({
      protocol: /^postgres(ql)?$/,
      error: 'must be a URL such as postgresql://user:password@host:5432/database',
    }),
  googleProjectId: () =>
    z.string().regex(/^([a-z0-9.-]+:)?[a-z][a-z0-9-]{0,61}[a-z0-9]$/, 'must be the id of a Google Cloud project'),
  /** Cloud Storage, "Bucket names". */
  bucketName: () => z.string().regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'must be the name of a bucket'),
  hostAndPort: () => z.string().regex(/^[^\s/]+:\d{1,5}$/, 'must be host:port, such as localhost:8085'),
  positiveInt: (fallback: number) => integer(1, Number.MAX_SAFE_INTEGER, '').default(fallback),
  optionalPositiveInt: () => integer(1, Number.MAX_SAFE_INTEGER, '').optional(),
  nonNegativeInt: (fallback: number) => integer(0, Number.MAX_SAFE_INTEGER, '').default(fallback),
  durationMs: (fallback: number) => integer(1, MAX_TIMER_MS, ' of milliseconds').default(fallback),
  durationMsOrNone: (fallback: number) => integer(0, MAX_TIMER_MS, ' of milliseconds').default(fallback),
  optionalDurationMs: () => integer(1, MAX_TIMER_MS, ' of milliseconds').optional(),
  durationSeconds: (fallback: number) => integer(1, Number.MAX_SAFE_INTEGER, ' of seconds').default(fallback),
  /** Between two times of what is done again and again; a timer of Node that gets more fires at once. */
  intervalSecondsOrNone: (fallback: number) =>
    integer(0, Math.floor(MAX_TIMER_MS / 1_000), ' of seconds').default(fallback),
  bytes: (fallback: number) => integer(1, Number.MAX_SAFE_INTEGER, ' of bytes').default(fallback),
  flag: (fallback: boolean) =>
    z
      .enum(['0', '1', 'true', 'false'], { error: 'must be 1, 0, true or false' })
      .transform((value) => value === '1' || value === 'true')
      .default(fallback),
  optionalFlag: () =>
    z
      .enum(['0', '1', 'true', 'false'], { error: 'must be 1, 0, true or false' })
      .transform((value) => value === '1' || value === 'true')
      .optional(),
  /** A list with commas, each entry read by `parse`, which returns null for what is no `what`. */
  list: <Entry>(parse: (text: string) => Entry | null, what: string) =>
    z.string().transform((text, issues): Entry[] =>
      text.split(',').flatMap((part) => {
        const entry = part.trim();
        if (entry === '') return [];
        const read = parse(entry);
        if (read !== null) return [read];
        issues.addIssue({ code: 'custom', message: `${JSON.stringify(entry)} is not ${what}` });
        return [];
      }),
    ),
  /** So much in so many seconds, as `200/60`; null for `off`. */
  rate: (fallback: string) =>
    z
      .string()
      .default(fallback)
      .transform((text, issues): Rate | null => {
        const rate = parseRate(text);
        if (rate !== undefined) return rate;
        issues.addIssue({ code: 'custom', message: 'must be a number in so many seconds, such as 200/60, or off' });
        return z.NEVER;
      }),
  text: (fallback: string) => z.string().min(1).default(fallback),
  optionalText: () => z.string().min(1).optional(),
  /** OpenTelemetry Environment Variable Specification, "General SDK Configuration". */
  traceSampler: () => z.enum(TRACE_SAMPLERS, { error: `must be one of ${TRACE_SAMPLERS.join(', ')}` }).optional(),
  /**
   * OpenTelemetry Protocol Exporter, "Specifying headers via environment variables". They are secret: what is wrong with them is told without
   * them.
   */
  otlpHeaders: () =>
    z.string().transform((text, issues): Readonly<Record<string, string>> => {
      const headers = parseOtlpHeaders(text);
      if (headers !== null) return headers;
      issues.addIssue({
        code: 'custom',
        message: 'must be name=value, with commas between several, and percent-encoding in values',
      });
      return z.NEVER;
    }),
  /** RFC 9110, 5.1. In small letters, as Node knows the headers of requests. */
  headerName: () =>
    z
      .string()
      .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header')
      .transform((name) => name.toLowerCase()),
  file: () => z.string().min(1),
  secret: (minCharacters: number) => z.string().min(minCharacters, `must be at least ${minCharacters} characters`),
  logLevel: () => z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
} as const;

/** Where traces go: the standard variables of OpenTelemetry, whose SDK reads the rest of them by itself. */
export const tracingSettings = {
  /** Of a collector that takes OTLP over HTTP; nothing is traced where neither is set. */
  OTEL_EXPORTER_OTLP_ENDPOINT: settings.url().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: settings.url().optional(),
  OTEL_EXPORTER_OTLP_HEADERS: settings.otlpHeaders().optional(),
  /** `taskgraph-` and the service's name when absent. */
  OTEL_SERVICE_NAME: settings.optionalText(),
  OTEL_TRACES_SAMPLER: settings.traceSampler(),
  OTEL_TRACES_SAMPLER_ARG: settings.optionalText(),
  OTEL_SDK_DISABLED: settings.flag(false),
} as const;

export type TracingSettings = z.output<z.ZodObject<typeof tracingSettings>>;

/** Settings of every process. */
export const processSettings = {
  ...tracingSettings,
  /** `development` turns on what helps the developer of a client, and a stranger as well; anything else leaves it off. */
  NODE_ENV: settings.text('production'),
  /** Answers questions about the schema, and helps with names that it does not have. */
  INTROSPECTION: settings.optionalFlag(),
  HOST: settings.host(),
  /** Names that it is asked by, beside those of this machine; not looked at where HOST is not on loopback and none are set. */
  ALLOWED_HOSTS: settings.list(String, 'a name').optional(),
  /** Where `<NAME>_OPERATIONS_PORT` listens. */
  OPERATIONS_HOST: settings.host(),
  LOG_LEVEL: settings.logLevel(),
  /** How long a process that is told to stop goes on answering while it says that it is not ready. */
  SHUTDOWN_DRAIN_MS: settings.durationMsOrNone(0),
  /** How long requests in flight may take to finish after that. */
  SHUTDOWN_GRACE_MS: settings.durationMs(30_000),
  /** From the first byte of a request, or a new connection, to the end of its headers. */
  HEADERS_TIMEOUT_MS: settings.durationMs(15_000),
  /** From the first byte of a request to its last; longer than the gateway's UPLOAD_TIMEOUT_MS, which tells more. */
  REQUEST_TIMEOUT_MS: settings.durationMs(150_000),
  /** Without any byte of a body that is not whole. */
  BODY_IDLE_TIMEOUT_MS: settings.durationMs(15_000),
  /** Of a body, over that time: what comes more slowly keeps memory, or a place among uploads, from others. */
  BODY_MIN_BYTES_PER_SECOND: settings.nonNegativeInt(1_024),
  /** Without any byte taken of an answer that waits for its client. */
  ANSWER_IDLE_TIMEOUT_MS: settings.durationMs(30_000),
  /** Of all that waits in memory for clients of one server: answers and messages that are not read, and JSON that has not come whole. */
  CONNECTIONS_MAX_BUFFERED_BYTES: settings.bytes(256 * 1024 * 1024),
} as const;

export type ProcessSettings = z.output<z.ZodObject<typeof processSettings>>;

/** Where a process answers its operators, when that is a port of its own. */
export function operationsAddress(host: string, port: number | undefined): OperationsAddress | null {
  return port === undefined ? null : { host, port };
}

/** Whether a process tells strangers what its schema has. */
export function showsSchema({
  NODE_ENV,
  INTROSPECTION,
}: {
  readonly NODE_ENV: string;
  readonly INTROSPECTION?: boolean | undefined;
}): boolean {
  return INTROSPECTION ?? NODE_ENV === 'development';
}

/** Settings of a process with a database. */
export const databaseSettings = {
  DB_POOL_MAX: settings.positiveInt(10),
  DB_CONNECT_TIMEOUT_MS: settings.durationMs(5_000),
  DB_STATEMENT_TIMEOUT_MS: settings.durationMs(10_000),
  /** How often rows whose time is over are deleted; 0 leaves it to a command. */
  RETENTION_INTERVAL_SECONDS: settings.intervalSecondsOrNone(3_600),
  /** Of one connection; 0 for a pooler that does not keep them. */
  DB_PREPARED_STATEMENTS: settings.nonNegativeInt(100),
} as const;

/** Settings of a process that verifies access tokens. */
export const tokenSettings = {
  TOKEN_ISSUER: settings.text('taskgraph'),
  TOKEN_AUDIENCE: settings.text('taskgraph'),
  /** How often it is asked which sessions have ended, beside what the live feed tells at once. */
  REVOCATION_POLL_MS: settings.durationMs(2_000),
} as const;

/** Settings of a process that the gateway tells of its clients. */
export const clientInfoSettings = {
  /** The gateway signs with it what it says of clients; shared by all processes. */
  CLIENT_INFO_SECRET: settings.secret(32),
  /** While the secret is replaced: what gateways still sign with that have the one before. */
  CLIENT_INFO_SECRET_PREVIOUS: settings.secret(32).optional(),
} as const;

/** The secrets that a header of the gateway may be signed with. */
export function clientInfoSecrets(config: z.output<z.ZodObject<typeof clientInfoSettings>>): readonly string[] {
  return [config.CLIENT_INFO_SECRET, config.CLIENT_INFO_SECRET_PREVIOUS].flatMap((secret) => secret ?? []);
}

/** Settings of a process that takes documents: subgraphs take the double, since a gateway adds keys and names to what clients ask for. */
export const documentSettings = {
  MAX_OPERATION_TOKENS: settings.positiveInt(15_000),
  MAX_OPERATION_DEPTH: settings.positiveInt(100),
  MAX_OPERATION_DEFINITIONS: settings.positiveInt(500),
  MAX_OPERATION_DIRECTIVES: settings.positiveInt(500),
  MAX_OPERATION_SELECTIONS: settings.positiveInt(10_000),
  MAX_OPERATION_ALIASES: settings.positiveInt(200),
  MAX_OPERATION_ROOT_FIELDS: settings.positiveInt(50),
  MAX_OPERATION_OVERLAP: settings.positiveInt(100_000),
  /** Of what the answer of one operation may hold; see `estimate-cost.ts`. */
  MAX_OPERATION_COST: settings.positiveInt(10_000),
  /** Whether what may cost more is refused, only counted, which the gateway does, or not even estimated. */
  DEMAND_CONTROL: z
    .enum(['enforce', 'measure', 'off'], { error: 'must be enforce, measure or off' })
    .default('enforce'),
} as const;

/** How much more subgraphs take. */
export const DOCUMENT_ROOM = 2;

/** What a document may be, by these settings, and with more room where a gateway has added to it. */
export function documentLimits(config: z.output<z.ZodObject<typeof documentSettings>>, room = 1): DocumentLimits {
  return {
    maxTokens: room * config.MAX_OPERATION_TOKENS,
    maxDepth: room * config.MAX_OPERATION_DEPTH,
    maxDefinitions: room * config.MAX_OPERATION_DEFINITIONS,
    maxDirectives: room * config.MAX_OPERATION_DIRECTIVES,
    maxSelections: room * config.MAX_OPERATION_SELECTIONS,
    maxAliases: room * config.MAX_OPERATION_ALIASES,
    maxRootFields: room * config.MAX_OPERATION_ROOT_FIELDS,
    maxOverlap: room * config.MAX_OPERATION_OVERLAP,
  };
}

/** What an operation may cost by these settings, with more room where a gateway has added to it; infinite where nothing is refused. */
export function maxOperationCost(config: z.output<z.ZodObject<typeof documentSettings>>, room = 1): number {
  return config.DEMAND_CONTROL === 'enforce' ? room * config.MAX_OPERATION_COST : Infinity;
}

/** Settings of a process that limits how often clients ask. */
export const rateLimitSettings = {
  /** Turns all of them off. */
  RATE_LIMITS: settings.flag(true),
  /** Addresses that are not limited; this machine's own where NODE_ENV is development. */
  RATE_LIMIT_EXEMPT: settings
    .list(parseAddressRanges, 'an address, a range such as 10.0.0.0/8, loopback, private or none')
    .optional(),
} as const;

/** Creates what tells whether a client is not limited, by its address. */
export function readExemption({
  NODE_ENV,
  RATE_LIMITS,
  RATE_LIMIT_EXEMPT,
}: z.output<z.ZodObject<typeof rateLimitSettings>> & Pick<ProcessSettings, 'NODE_ENV'>): (address: string) => boolean {
  if (!RATE_LIMITS) return () => true;
  const ofDevelopment = NODE_ENV === 'development' ? (parseAddressRanges('loopback') ?? []) : [];
  return isOneOf(RATE_LIMIT_EXEMPT?.flat() ?? ofDevelopment);
}

/** Settings of a process that publishes or hears events. */
export const eventSettings = {
  /** Google Cloud Pub/Sub carries domain events; without it they wait in the outbox. */
  PUBSUB_PROJECT_ID: settings.googleProjectId().optional(),
  /** Wakes subscriptions in all replicas; without it each process wakes its own. */
  REDIS_URL: settings.redisUrl().optional(),
} as const;

/** What the settings of every subgraph have. */
export type SubgraphSettings = ProcessSettings &
  z.output<
    z.ZodObject<
      typeof databaseSettings &
        typeof tokenSettings &
        typeof eventSettings &
        typeof clientInfoSettings &
        typeof documentSettings
    >
  >;
