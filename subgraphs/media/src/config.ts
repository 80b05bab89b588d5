import {
  clientInfoSettings,
  databaseSettings,
  documentSettings,
  eventSettings,
  parseConfig,
  parseOriginRule,
  processSettings,
  rateLimitSettings,
  settings,
  tokenSettings,
  DEVELOPMENT_ORIGINS,
  type OriginRule,
} from '@taskgraph/service-kit';
import { z } from 'zod';
import { KNOWN_MEDIA_TYPES, parseTypeLimit, parseTypePattern, type MediaRules } from './media-kinds.js';

const MIB = 1024 * 1024;

/** Pictures are decoded, and drawings and text are read by people. */
const MAX_BYTES_BY_TYPE = [
  'image/*=104857600',
  'image/svg+xml=10485760',
  'text/*=104857600',
  'application/pdf=268435456',
];

const schema = z.object({
  ...processSettings,
  RATE_LIMITS: rateLimitSettings.RATE_LIMITS,
  ...databaseSettings,
  ...eventSettings,
  ...tokenSettings,
  ...clientInfoSettings,
  ...documentSettings,
  MEDIA_PORT: settings.port(3003),
  /** Of its own for `/metrics` and health in detail; they are answered at MEDIA_PORT when absent. */
  MEDIA_OPERATIONS_PORT: settings.optionalPort(),
  MEDIA_DATABASE_URL: settings.postgresUrl(),
  AUTH_URL: settings.urls('http://127.0.0.1:3001'),
  TASK_URL: settings.urls('http://127.0.0.1:3002'),
  PEER_TIMEOUT_MS: settings.durationMs(3_000),
  /** How often what processes and clients left behind is removed, and what can be restored no more; 0 leaves it to a command. */
  SWEEP_INTERVAL_SECONDS: settings.intervalSecondsOrNone(600),
  /** Files are kept in its sub-folder `media`. */
  TASKGRAPH_DATA_DIR: settings.text('.data'),
  /** Files are kept in this bucket of Google Cloud Storage, and not on the disk. */
  GCS_BUCKET: settings.bucketName().optional(),
  /** Sends clients that download a file to Cloud Storage, by a URL that nothing takes back until it expires. */
  GCS_SIGNED_URLS: settings.flag(false),
  /** How long such a URL is good. */
  GCS_SIGNED_URL_LIFETIME_SECONDS: settings.durationSeconds(300),
  /** An emulator's address, asked in the place of Google Cloud. Its client library reads it too. */
  STORAGE_EMULATOR_HOST: settings.url().optional(),
  /** Where they are kept, or wait: with less, health says that something is wrong. */
  MIN_FREE_DISK_BYTES: settings.bytes(256 * MIB),
  /** Where browsers reach this service, for the URLs of files; its own address when absent. */
  MEDIA_PUBLIC_URL: settings.url().optional(),
  /** Its holder can make URLs to any file. */
  MEDIA_URL_SECRET: settings.secret(32),
  /** The one before: URLs that were signed with it are good until they expire. */
  MEDIA_URL_SECRET_PREVIOUS: settings.secret(32).optional(),
  MEDIA_URL_LIFETIME_SECONDS: settings.durationSeconds(3_600),
  /** How long an export of somebody's data can be downloaded; it is removed then. */
  DATA_EXPORT_LIFETIME_SECONDS: settings.durationSeconds(3 * 24 * 3_600),
  /** Of one export: a larger one fails. */
  DATA_EXPORT_MAX_BYTES: settings.bytes(10 * 1024 * MIB),
  MEDIA_MAX_BYTES: settings.bytes(50 * MIB),
  /** Which files are taken: types, or all of a kind as `image/*`. */
  MEDIA_ALLOWED_TYPES: settings.list(parseTypePattern, 'a type that media knows, or such as image/*').optional(),
  /** Where files of a type may have fewer bytes than any. */
  MEDIA_MAX_BYTES_BY_TYPE: settings.list(parseTypeLimit, 'a type and its bytes, such as image/*=104857600').optional(),
  /** Of a file that is sent in many requests, to the place of files directly. */
  UPLOAD_SESSION_MAX_BYTES: settings.bytes(5 * 1024 * MIB),
  /** How long such a file may take; what has come of it is forgotten then. */
  UPLOAD_SESSION_LIFETIME_SECONDS: settings.durationSeconds(24 * 3_600),
  /** How many of them one user may have open. */
  UPLOAD_SESSIONS_PER_USER: settings.positiveInt(10),
  /** Of one user: requests with parts of such files, and all bytes that are uploaded. */
  RATE_LIMIT_UPLOAD_PARTS: settings.rate('1200/60'),
  RATE_LIMIT_UPLOAD_BYTES: settings.rate('10737418240/3600'),
  /** Whose pages may send such files: as at the gateway. */
  CORS_ORIGINS: settings.list(parseOriginRule, 'an origin such as https://app.example.com').optional(),
  /** Of all that one user keeps, deleted items that can be restored included. */
  MEDIA_QUOTA_BYTES: settings.bytes(5 * 1024 * MIB),
  /** How long what was deleted can be restored. */
  MEDIA_DELETED_RETENTION_SECONDS: settings.durationSeconds(2_592_000),
  /** How long an item may be attached to no task before it is deleted; 0 for as long as its uploader likes. */
  ORPHAN_TTL_DAYS: settings.nonNegativeInt(0),
  /** Of all files that wait at one time, since they cannot be read while they arrive. */
  UPLOAD_SPOOL_MAX_BYTES: settings.bytes(1024 * MIB),
  MEDIA_MAX_PIXELS: settings.positiveInt(100_000_000),
  /** How many images are decoded at once, each in a process of its own; the others wait in line. */
  MEDIA_PROCESSING_CONCURRENCY: settings.positiveInt(2),
  /** Of one image, then its process is ended. */
  MEDIA_PROCESSING_MAX_MS: settings.durationMs(60_000),
  /** What the process of one image may hold, of its code as well. */
  MEDIA_PROCESSING_MAX_MEMORY_BYTES: settings.bytes(768 * MIB),
  /** How long a mutation waits for an image to be ready before it answers PROCESSING. */
  MEDIA_PROCESSING_WAIT_MS: settings.durationMs(10_000),
  /** A job whose process has died is taken by another after that. */
  MEDIA_JOB_LEASE_MS: settings.durationMs(30_000),
});

export type MediaConfig = z.output<typeof schema> & {
  /** Whose pages may send files. */
  readonly origins: readonly OriginRule[];
  readonly rules: MediaRules;
};

const DEVELOPMENT = DEVELOPMENT_ORIGINS.flatMap((text) => parseOriginRule(text) ?? []);

/** @throws ConfigError listing every fault */
export function readMediaConfig(env: NodeJS.ProcessEnv = process.env): MediaConfig {
  const config = parseConfig(schema, env);
  return {
    ...config,
    origins: config.CORS_ORIGINS ?? (config.NODE_ENV === 'development' ? DEVELOPMENT : []),
    rules: readRules(config),
  };
}

/** Of what is done by the clock, for a process that does it beside the service. */
const workSchema = schema.pick({
  LOG_LEVEL: true,
  MEDIA_DATABASE_URL: true,
  DB_CONNECT_TIMEOUT_MS: true,
  DB_STATEMENT_TIMEOUT_MS: true,
  TASKGRAPH_DATA_DIR: true,
  GCS_BUCKET: true,
  STORAGE_EMULATOR_HOST: true,
  MIN_FREE_DISK_BYTES: true,
  UPLOAD_SPOOL_MAX_BYTES: true,
  MEDIA_DELETED_RETENTION_SECONDS: true,
  ORPHAN_TTL_DAYS: true,
});

/** @throws ConfigError listing every fault */
export function readWorkConfig(env: NodeJS.ProcessEnv = process.env): z.output<typeof workSchema> {
  return parseConfig(workSchema, env);
}

function readRules({ MEDIA_ALLOWED_TYPES, MEDIA_MAX_BYTES_BY_TYPE }: z.output<typeof schema>): MediaRules {
  const limits = MEDIA_MAX_BYTES_BY_TYPE ?? MAX_BYTES_BY_TYPE.map(parseTypeLimit);
  return {
    allowed: MEDIA_ALLOWED_TYPES?.flat() ?? KNOWN_MEDIA_TYPES,
    // The later of two that name the same type counts.
    maxBytesOf: Object.fromEntries(limits.flatMap((limit) => Object.entries(limit ?? {}))),
  };
}
