import { readAuthConfig } from '@taskgraph/auth';
import { readGatewayConfig } from '@taskgraph/gateway';
import { readMediaConfig } from '@taskgraph/media';
import { readTaskConfig } from '@taskgraph/task';
import { readText } from './repository.js';

export type ProcessName = 'auth' | 'gateway' | 'media' | 'task';

/** What the code says of a process that somebody wants to run. */
export interface ProcessFacts {
  readonly name: ProcessName;
  /** As in its configuration, when nothing is set. */
  readonly port: number;
  /** Every setting that it reads. */
  readonly settings: ReadonlySet<string>;
  /** @throws ConfigError when these settings do not let it start */
  readonly readConfig: (env: Readonly<Record<string, string>>) => {
    readonly SHUTDOWN_DRAIN_MS: number;
    readonly SHUTDOWN_GRACE_MS: number;
    readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  };
}

const KIT = readText('packages/service-kit/src/settings.ts');
/** Read by Google's client library. */
const OF_PUBSUB = ['PUBSUB_EMULATOR_HOST'];
/** The gateway takes the URL of each subgraph by its name. */
const OF_GATEWAY = ['AUTH_URL', 'TASK_URL', 'MEDIA_URL'];

export const PROCESSES: readonly ProcessFacts[] = [
  {
    name: 'auth',
    port: portIn('subgraphs/auth', 'AUTH'),
    settings: settingsIn('subgraphs/auth', OF_PUBSUB),
    readConfig: (env) => readAuthConfig({ ...env }),
  },
  {
    name: 'gateway',
    port: portIn('gateway', 'GATEWAY'),
    settings: settingsIn('gateway', [...OF_PUBSUB, ...OF_GATEWAY]),
    readConfig: (env) => readGatewayConfig({ ...env }),
  },
  {
    name: 'media',
    port: portIn('subgraphs/media', 'MEDIA'),
    settings: settingsIn('subgraphs/media', OF_PUBSUB),
    readConfig: (env) => readMediaConfig({ ...env }),
  },
  {
    name: 'task',
    port: portIn('subgraphs/task', 'TASK'),
    settings: settingsIn('subgraphs/task', OF_PUBSUB),
    readConfig: (env) => readTaskConfig({ ...env }),
  },
];

export function processNamed(name: string): ProcessFacts {
  const found = PROCESSES.find((one) => one.name === name);
  if (!found) throw new Error(`There is no process ${name}.`);
  return found;
}

/** Whether a setting has no default that is good anywhere: secrets, where mails go, whose word is taken, and what limits are. */
export function isOfOperators(name: string): boolean {
  return /_SECRET(_PREVIOUS)?$|^(SMTP_URL|MAIL_FROM|APP_URL|TRUST_PROXY)$|^(KEY|LOGIN|RATE_LIMIT)_[A-Z_]+$/.test(name);
}

/** The port for operators: `npm start` and the README leave it out, so what runs elsewhere agrees on this one. */
export function operationsPortOf({ port }: ProcessFacts): number {
  return port + 100;
}

function configOf(folder: string): string {
  return readText(`${folder}/src/config.ts`);
}

function portIn(folder: string, prefix: string): number {
  const found = new RegExp(`${prefix}_PORT: settings\\.port\\((\\d+)\\)`).exec(configOf(folder))?.[1];
  if (found === undefined) throw new Error(`${folder}/src/config.ts says no port.`);
  return Number(found);
}

function settingsIn(folder: string, others: readonly string[]): Set<string> {
  return new Set(withGroups(configOf(folder)).flatMap(namesIn).concat(others));
}

/** A text, and those of the groups of settings that it takes, and of the groups in them. */
function withGroups(text: string): string[] {
  const groups = [...text.matchAll(/\.\.\.(\w+Settings),/g)].map(([, group = '']) => groupOf(group));
  return [text, ...groups.flatMap(withGroups)];
}

function groupOf(name: string): string {
  const found = new RegExp(`export const ${name} = \\{([^]*?)\\n\\} as const;`).exec(KIT)?.[1];
  if (found === undefined) throw new Error(`packages/service-kit/src/settings.ts has no ${name}.`);
  return found;
}

function namesIn(text: string): string[] {
  return [...text.matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gm)].map(([, name = '']) => name);
}
