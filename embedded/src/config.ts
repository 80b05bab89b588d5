import path from 'node:path';
import { ConfigError, isLoopback, parseConfig, settings } from '@taskgraph/service-kit';
import { z } from 'zod';

export const SERVICES = ['gateway', 'auth', 'task', 'media'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** The services that others ask. */
export const PEERS = ['auth', 'task', 'media'] as const satisfies readonly ServiceName[];
export type PeerName = (typeof PEERS)[number];

export function portSetting(name: ServiceName): string {
  return `${name.toUpperCase()}_PORT`;
}

const schema = z.object({
  HOST: settings.host(),
  GATEWAY_PORT: settings.port(3000),
  AUTH_PORT: settings.port(3001),
  TASK_PORT: settings.port(3002),
  MEDIA_PORT: settings.port(3003),
  TASKGRAPH_DATA_DIR: settings.text('.data'),
  /** Whether the first start makes demo data; where others than this machine can log in, nobody is to know a password. */
  SEED_DEMO: settings.optionalFlag(),
  LOG_LEVEL: settings.logLevel(),
  TRACE_PORT: settings.port(3004),
});

export interface EmbeddedConfig {
  readonly host: string;
  /** 0 is any free port. */
  readonly ports: Readonly<Record<ServiceName, number>>;
  /** Absolute. */
  readonly dataDir: string;
  readonly seedDemo: boolean;
  /** Whether others than this machine can reach it. */
  readonly isOpen: boolean;
  /** Of the pages that `--trace` shows. */
  readonly tracePort: number;
  /** Null when nobody has asked for one. */
  readonly logLevel: z.output<typeof schema>['LOG_LEVEL'] | null;
}

/** The environment as it is, for the services, which read the rest of it. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/**
 * Reads what the launcher itself needs; the services read the rest. A relative data folder is meant from `root`.
 *
 * @throws ConfigError listing every fault
 */
export function readEmbeddedConfig(root: string, env: NodeJS.ProcessEnv = environment()): EmbeddedConfig {
  const config = parseConfig(schema, env);
  const ports = {
    gateway: config.GATEWAY_PORT,
    auth: config.AUTH_PORT,
    task: config.TASK_PORT,
    media: config.MEDIA_PORT,
  };
  assertDistinct(ports);
  return {
    host: config.HOST,
    ports,
    dataDir: path.resolve(root, config.TASKGRAPH_DATA_DIR),
    seedDemo: config.SEED_DEMO ?? isLoopback(config.HOST),
    isOpen: !isLoopback(config.HOST),
    tracePort: config.TRACE_PORT,
    logLevel: env['LOG_LEVEL'] ? config.LOG_LEVEL : null,
  };
}

function assertDistinct(ports: Readonly<Record<ServiceName, number>>): void {
  const faults = SERVICES.flatMap((name, index) => {
    const twin = SERVICES.slice(0, index).find((earlier) => ports[earlier] === ports[name] && ports[name] !== 0);
    return twin === undefined ? [] : [`${portSetting(name)} is ${ports[name]}, and so is ${portSetting(twin)}`];
  });
  if (faults.length > 0) throw new ConfigError(faults);
}
