import path from 'node:path';

export interface MigrateConfig {
  /** Where the databases of an embedded start are kept. */
  readonly clusterDir: string;
  /** Returns the URL that is set for a database, or null: the embedded PostgreSQL is meant then. */
  databaseUrl(name: string): string | null;
}

/**
 * Reads what migrations need from the environment: `AUTH_DATABASE_URL` and the like, and `TASKGRAPH_DATA_DIR`.
 *
 * A relative data folder is meant from `root`.
 */
export function readMigrateConfig(root: string, env: NodeJS.ProcessEnv = process.env): MigrateConfig {
  return {
    clusterDir: path.resolve(root, env['TASKGRAPH_DATA_DIR'] || '.data', 'postgres'),
    databaseUrl: (name) => env[databaseUrlSetting(name)] || null,
  };
}

export function databaseUrlSetting(name: string): string {
  return `${name.toUpperCase()}_DATABASE_URL`;
}
