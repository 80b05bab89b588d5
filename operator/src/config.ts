import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** The services that keep something in a database of their own, of the same name. */
export const DATABASES = ['auth', 'task', 'media'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export interface OperatorConfig {
  /** Absolute: where the embedded system keeps everything, and media its files. */
  readonly dataDir: string;
  /** What is set; what is not is meant to be in the embedded PostgreSQL. */
  readonly databaseUrls: Readonly<Record<DatabaseName, string | null>>;
  readonly bucket: string | undefined;
  readonly storageEmulatorHost: string | undefined;
}

/** Reads where things are; what else a command needs it reads by itself. A relative data folder is meant from the repository. */
export function readOperatorConfig(env: NodeJS.ProcessEnv = process.env): OperatorConfig {
  const url = (name: DatabaseName) => env[`${name.toUpperCase()}_DATABASE_URL`] || null;
  return {
    dataDir: path.resolve(REPOSITORY, env['TASKGRAPH_DATA_DIR'] || '.data'),
    databaseUrls: { auth: url('auth'), task: url('task'), media: url('media') },
    bucket: env['GCS_BUCKET'] || undefined,
    storageEmulatorHost: env['STORAGE_EMULATOR_HOST'] || undefined,
  };
}

/** The environment as it is, for code that reads its own settings. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Sets what commands of a service read, as far as it is not set: where the embedded system keeps it. */
export function useEmbeddedSettings({ dataDir }: OperatorConfig, settings: Readonly<Record<string, string>>): void {
  const file = path.join(dataDir, 'secrets.json');
  const secrets = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
  for (const [name, value] of Object.entries({ ...secrets, ...settings })) process.env[name] ||= value;
}
