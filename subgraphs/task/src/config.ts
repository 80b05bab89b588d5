import {
  clientInfoSettings,
  databaseSettings,
  documentSettings,
  eventSettings,
  parseConfig,
  processSettings,
  settings,
  tokenSettings,
} from '@taskgraph/service-kit';
import { z } from 'zod';

const schema = z.object({
  ...processSettings,
  ...databaseSettings,
  ...eventSettings,
  ...tokenSettings,
  ...clientInfoSettings,
  ...documentSettings,
  TASK_PORT: settings.port(3002),
  /** Of its own for `/metrics` and health in detail; they are answered at TASK_PORT when absent. */
  TASK_OPERATIONS_PORT: settings.optionalPort(),
  TASK_DATABASE_URL: settings.postgresUrl(),
  AUTH_URL: settings.urls('http://127.0.0.1:3001'),
  MEDIA_URL: settings.urls('http://127.0.0.1:3003'),
  /** What is known of media is forgotten after so long, 40 days at least, and asked for again where it matters. */
  KNOWN_MEDIA_RETENTION_DAYS: settings.positiveInt(90),
  PEER_TIMEOUT_MS: settings.durationMs(3_000),
});

export type TaskConfig = z.output<typeof schema>;

/** @throws ConfigError listing every fault */
export function readTaskConfig(env: NodeJS.ProcessEnv = process.env): TaskConfig {
  return parseConfig(schema, env);
}

/** Of the command that deletes rows whose time is over. */
const retentionSchema = schema.pick({ KNOWN_MEDIA_RETENTION_DAYS: true });

/** @throws ConfigError */
export function readRetentionConfig(env: NodeJS.ProcessEnv = process.env): z.output<typeof retentionSchema> {
  return parseConfig(retentionSchema, env);
}

/** Of what is done by the clock, for a process that does it beside the service. */
const workSchema = schema.pick({
  LOG_LEVEL: true,
  TASK_DATABASE_URL: true,
  DB_CONNECT_TIMEOUT_MS: true,
  DB_STATEMENT_TIMEOUT_MS: true,
  KNOWN_MEDIA_RETENTION_DAYS: true,
});

/** @throws ConfigError listing every fault */
export function readWorkConfig(env: NodeJS.ProcessEnv = process.env): z.output<typeof workSchema> {
  return parseConfig(workSchema, env);
}
