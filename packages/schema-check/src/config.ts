/** Of this process. */
export const environment: NodeJS.ProcessEnv = process.env;

/** What the environment says: keys of registries elsewhere. */
export interface RemoteKeys {
  /** Of GraphOS: the graph that APOLLO_KEY is for. */
  readonly graphRef: string | null;
  readonly hasHive: boolean;
  /** What their programs are started with. */
  readonly env: NodeJS.ProcessEnv;
}

/** Reads which registries elsewhere the environment has keys of. The keys themselves are read by their programs. */
export function readRemoteKeys(env: NodeJS.ProcessEnv): RemoteKeys {
  return {
    graphRef: (env['APOLLO_KEY'] && env['APOLLO_GRAPH_REF']) || null,
    hasHive: Boolean(env['HIVE_TOKEN']),
    env,
  };
}

/** The URL of an emulator of Cloud Storage; null where there is none. */
export function readStorageEmulator(env: NodeJS.ProcessEnv): string | null {
  return env['STORAGE_EMULATOR_HOST'] || null;
}

/** Recorded traffic that is read beside what arguments and settings name: an address with a password stands in no file, and in no list of processes. */
export function readTrafficSources(env: NodeJS.ProcessEnv): string[] {
  return (env['SCHEMA_CHECK_TRAFFIC'] ?? '').split(',').flatMap((source) => source.trim() || []);
}
