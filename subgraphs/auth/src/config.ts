import {
  clientInfoSettings,
  databaseSettings,
  documentSettings,
  eventSettings,
  parseConfig,
  processSettings,
  rateLimitSettings,
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
  ...rateLimitSettings,
  AUTH_PORT: settings.port(3001),
  /** Of its own for `/metrics` and health in detail; they are answered at AUTH_PORT when absent. */
  AUTH_OPERATIONS_PORT: settings.optionalPort(),
  AUTH_DATABASE_URL: settings.postgresUrl(),
  /** Signing keys are stored encrypted with it; a holder of it and of the database can sign tokens. */
  AUTH_KEY_ENCRYPTION_SECRET: settings.secret(32),
  /** The one before, while what is stored under it is being encrypted anew. */
  AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS: settings.secret(32).optional(),
  /** Age at which the signing key gets a successor; 0 leaves that to administrators. */
  KEY_ROTATION_DAYS: settings.nonNegativeInt(30),
  /** From the publication of a signing key to its first signature. */
  KEY_PUBLISH_AHEAD_SECONDS: settings.nonNegativeInt(120),
  /** From one address: accounts opened, and passwords tried; `30/600` is 30 in 600 seconds. */
  RATE_LIMIT_REGISTRATIONS: settings.rate('30/600'),
  RATE_LIMIT_SIGN_INS: settings.rate('100/60'),
  /** From one address: sessions renewed, and links of mails opened; and how often one token of either kind may come. */
  RATE_LIMIT_REFRESHES: settings.rate('600/60'),
  RATE_LIMIT_VERIFICATIONS: settings.rate('60/60'),
  RATE_LIMIT_TOKEN_USES: settings.rate('30/60'),
  ACCESS_TOKEN_LIFETIME_SECONDS: settings.durationSeconds(15 * 60),
  /** How old the last proof of the password may be where a change needs one; older than that, the password is to be given with the change. */
  REAUTHENTICATION_MAX_AGE_SECONDS: settings.durationSeconds(10 * 60),
  SESSION_LIFETIME_SECONDS: settings.durationSeconds(30 * 24 * 60 * 60),
  /** How long a session that has ended stays, with what its tokens were exchanged for. */
  SESSION_RETENTION_DAYS: settings.positiveInt(30),
  /** Takes mails, with user and password where it wants them; without it they are written to the folder `mail` of the data. */
  SMTP_URL: settings.smtpUrl().optional(),
  MAIL_FROM: settings.text('Taskgraph <no-reply@localhost>'),
  TASKGRAPH_DATA_DIR: settings.text('.data'),
  /** Where people use the application: links of mails lead there. */
  APP_URL: settings.url('http://localhost:3000'),
  /** Attempts to log in that fail before a pause: at one account from one network, at one account, and from one network. */
  LOGIN_MAX_FAILURES: settings.positiveInt(5),
  LOGIN_MAX_FAILURES_PER_ACCOUNT: settings.positiveInt(50),
  LOGIN_MAX_FAILURES_PER_NETWORK: settings.positiveInt(100),
  /** The first pause, which each further failure doubles, and the longest. */
  LOGIN_LOCK_SECONDS: settings.durationSeconds(30),
  LOGIN_MAX_LOCK_SECONDS: settings.durationSeconds(15 * 60),
  /** New passwords are judged in threads of their own: how many, how many may wait for one, and how long one may take with its wait. */
  PASSWORD_CHECK_THREADS: settings.positiveInt(1),
  PASSWORD_CHECK_MAX_WAITING: settings.positiveInt(100),
  PASSWORD_CHECK_TIMEOUT_MS: settings.durationMs(5_000),
  /** How authenticator apps name this installation. */
  SECOND_FACTOR_NAME: settings.text('Taskgraph'),
  /** From the right password to the code of the second factor. */
  SECOND_FACTOR_CHALLENGE_SECONDS: settings.durationSeconds(5 * 60),
  /** How long a refresh token that was exchanged gets the same pair again; 0 is not at all. */
  REFRESH_LEEWAY_SECONDS: settings.nonNegativeInt(10),
});

export type AuthConfig = z.output<typeof schema>;

/** @throws ConfigError listing every fault */
export function readAuthConfig(env: NodeJS.ProcessEnv = process.env): AuthConfig {
  return parseConfig(schema, env);
}

/** Of the commands that only look at the database, and change it. */
const commandSchema = schema.pick({
  AUTH_DATABASE_URL: true,
  DB_CONNECT_TIMEOUT_MS: true,
  DB_STATEMENT_TIMEOUT_MS: true,
});

export type CommandConfig = z.output<typeof commandSchema>;

/** @throws ConfigError listing every fault */
export function readCommandConfig(env: NodeJS.ProcessEnv = process.env): CommandConfig {
  return parseConfig(commandSchema, env);
}

/** Of the command that makes signing keys: those of the service, which agree on them. */
const keysSchema = commandSchema.extend(
  schema.pick({
    AUTH_KEY_ENCRYPTION_SECRET: true,
    AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS: true,
    KEY_PUBLISH_AHEAD_SECONDS: true,
    ACCESS_TOKEN_LIFETIME_SECONDS: true,
  }).shape,
);

export type KeysConfig = z.output<typeof keysSchema>;

/** @throws ConfigError listing every fault */
export function readKeysConfig(env: NodeJS.ProcessEnv = process.env): KeysConfig {
  return parseConfig(keysSchema, env);
}

/** Of what is done by the clock, for a process that does it beside the service. */
const workSchema = keysSchema.extend(
  schema.pick({ LOG_LEVEL: true, KEY_ROTATION_DAYS: true, SESSION_RETENTION_DAYS: true }).shape,
);

export type WorkConfig = z.output<typeof workSchema>;

/** @throws ConfigError listing every fault */
export function readWorkConfig(env: NodeJS.ProcessEnv = process.env): WorkConfig {
  return parseConfig(workSchema, env);
}

/** Of the command that deletes rows whose time is over. */
const retentionSchema = schema.pick({ SESSION_RETENTION_DAYS: true });

/** @throws ConfigError */
export function readRetentionConfig(env: NodeJS.ProcessEnv = process.env): z.output<typeof retentionSchema> {
  return parseConfig(retentionSchema, env);
}
