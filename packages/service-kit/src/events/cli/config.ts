import { EVENT_SOURCES, type EventSource } from '@taskgraph/contracts';
import { z } from 'zod';
import { parseConfig, settings } from '../../settings.js';

export interface EventsConfig {
  readonly projectId: string | undefined;
  /** For the words at the terminal; the library reads it by itself. */
  readonly emulatorHost: string | undefined;
  readonly databaseUrls: ReadonlyMap<EventSource, string>;
}

const schema = z.object({
  PUBSUB_PROJECT_ID: settings.googleProjectId().optional(),
  PUBSUB_EMULATOR_HOST: settings.hostAndPort().optional(),
  AUTH_DATABASE_URL: settings.postgresUrl().optional(),
  TASK_DATABASE_URL: settings.postgresUrl().optional(),
  MEDIA_DATABASE_URL: settings.postgresUrl().optional(),
});

/** @throws ConfigError */
export function readEventsConfig(env: NodeJS.ProcessEnv): EventsConfig {
  const config = parseConfig(schema, env);
  const urls = { auth: config.AUTH_DATABASE_URL, task: config.TASK_DATABASE_URL, media: config.MEDIA_DATABASE_URL };
  return {
    projectId: config.PUBSUB_PROJECT_ID,
    emulatorHost: config.PUBSUB_EMULATOR_HOST,
    databaseUrls: new Map(EVENT_SOURCES.flatMap((source) => (urls[source] ? [[source, urls[source]] as const] : []))),
  };
}
