import path from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { check, compareGraphs, readOperations, toReport, type CheckOptions } from './check.js';
import { CheckError } from './check-error.js';
import { isDay } from './day.js';
import { FORMATS, isFormat, type Format } from './formats/formats.js';
import { composeGraph, readGraph, type Graph } from './graph/graph.js';
import { indexPlaces } from './graph/place.js';
import { isRedis } from './clients/redis-traffic.js';
import { createBucketStore } from './registry/bucket-store.js';
import { createFolderStore } from './registry/registry-store.js';
import { createRegistry } from './registry/registry.js';
import {
  describeVersion,
  diffVersions,
  publish,
  renderHistory,
  rollback,
  type RegistryCommand,
} from './registry/registry-commands.js';
import { readSettings, SETTINGS_FILE } from './settings.js';
import { filesOnDisk } from './sources/disk-files.js';
import { readSubgraphs } from './sources/subgraph-sources.js';
import { findIdle, findUsage, renderUsage } from './usage.js';
import { parse, Source } from 'graphql';
import { readRemoteKeys, readStorageEmulator, readTrafficSources } from './config.js';
import { relocate, type Report } from './finding.js';

/** What the program ends with. */
export const EXIT = { passed: 0, failed: 1, cannot: 2 } as const;

export interface CliOptions {
  readonly args: readonly string[];
  readonly cwd: string;
  /** The day, as 2026-12-31. */
  readonly today: string;
  /** Tells of keys of registries elsewhere. */
  readonly env: NodeJS.ProcessEnv;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

const USAGE = `schema-check: checks changes of a federated graph against its clients.

  schema-check check [--against <branch, commit or file>] [--without <subgraph>]
      composition, changes, operations of clients, lint, files that are stale; what to read stands in ${SETTINGS_FILE}
  schema-check compare <before.graphql> <after.graphql> [--operations <file or folder>]
      the changes between two schemas or supergraphs
  schema-check usage [<coordinate>]
      who uses Task.title, Query.task(id:) or Status.OPEN; without one, what nobody uses, and what is deprecated
  schema-check publish [--by <who>] [--force <reason>]
      checks against the version that was published last, and publishes a new one where that passes
  schema-check history | diff <version> <version> | rollback [<version>]
      versions that were published; a version is its number, the beginning of its id, or current

  --registry <folder or gs://bucket/folder>   where versions are kept, in the place of what the settings say
  --traffic <file, folder or redis://host>     recorded traffic, beside that of the settings; also SCHEMA_CHECK_TRAFFIC
  --format ${Object.keys(FORMATS).join('|')}   text unless something else is said
  --config <file>       the settings, ${SETTINGS_FILE} unless something else is said; paths in it are relative to it
  --today <2026-12-31>  the day for which approvals are read

Ends with 0 when all passes, with 1 when something does not, with 2 when it cannot be checked.
`;

const OPTIONS = {
  against: { type: 'string' },
  without: { type: 'string' },
  operations: { type: 'string', multiple: true },
  traffic: { type: 'string', multiple: true, default: [] as string[] },
  format: { type: 'string', default: 'text' },
  config: { type: 'string', default: SETTINGS_FILE },
  today: { type: 'string' },
  registry: { type: 'string' },
  by: { type: 'string' },
  force: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

/** What names of clients, people and files hold may be meant for a terminal, which would do what it says. */
function visible(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\uFFFD');
}

/** Runs a command, and returns what the program ends with. */
export async function runCli(given: CliOptions): Promise<number> {
  const options: CliOptions = {
    ...given,
    print: (text) => given.print(visible(text)),
    printError: (text) => given.printError(visible(text)),
  };
  try {
    return await run(options);
  } catch (error) {
    // What nobody has foreseen is no answer of the check: a caller that reads the exit code must not take it for one.
    options.printError(
      error instanceof CheckError ? `${error.message}\n` : `A defect of schema-check: ${(error as Error).stack}\n`,
    );
    return EXIT.cannot;
  }
}

type Values = ReturnType<typeof readArguments>['values'];

async function run(options: CliOptions): Promise<number> {
  const { values, positionals } = readArguments(options.args);
  const [command = '', ...parameters] = positionals;
  if (values.help || command === '') {
    options.print(USAGE);
    return values.help ? EXIT.passed : EXIT.cannot;
  }
  switch (command) {
    case 'check':
      expectParameters(command, parameters, 0);
      return runCheck(options, values);
    case 'compare':
      expectParameters(command, parameters, 2);
      return runCompare(options, values, parameters);
    case 'usage':
      if (parameters.length > 1) expectParameters(command, parameters, 1);
      return runUsage(options, values, parameters[0] ?? null);
    case 'publish':
      expectParameters(command, parameters, 0);
      return runPublish(options, values);
    case 'history':
      expectParameters(command, parameters, 0);
      return runHistory(options, values);
    case 'diff':
      expectParameters(command, parameters, 2);
      return runDiff(options, values, parameters);
    case 'rollback':
      if (parameters.length > 1) expectParameters(command, parameters, 1);
      return runRollback(options, values, parameters[0] ?? null);
    default:
      throw new CheckError(`There is no command ${command}.\n\n${USAGE}`);
  }
}

async function runCheck(options: CliOptions, values: Values): Promise<number> {
  const format = readFormat(values.format);
  const checkOptions = toCheckOptions(options, values);
  const registry = await openRegistry(options, values, checkOptions);
  const current = registry === null ? null : await registry.readCurrent();
  const { report } = await check({
    ...checkOptions,
    readPublished: () => current && { name: describeVersion(current.version), text: current.text },
  });
  return tell(options, report, format, checkOptions.root);
}

async function runUsage(options: CliOptions, values: Values, coordinate: string | null): Promise<number> {
  const checkOptions = toCheckOptions(options, values);
  const operations = await readOperations(checkOptions);
  if (operations === null) throw new CheckError(`Nothing is known of clients: ${values.config} names none.`);
  const { api } = composeOrThrow(checkOptions);
  const found = coordinate === null ? findIdle(api, operations) : [findUsage(api, operations, coordinate)];
  options.print(values.format === 'json' ? `${JSON.stringify(found, null, 2)}\n` : found.map(renderUsage).join(''));
  return EXIT.passed;
}

function composeOrThrow({ root, settings }: CheckOptions): Graph {
  const found = readSubgraphs(filesOnDisk(root), settings.subgraphs);
  const { graph, findings } = composeGraph(found && found.faults.length === 0 ? found.sources : []);
  if (graph) return graph;
  throw new CheckError(`The subgraphs do not compose: ${[...(found?.faults ?? []), ...findings][0]?.message ?? ''}`);
}

async function runPublish(options: CliOptions, values: Values): Promise<number> {
  const format = readFormat(values.format);
  const checkOptions = toCheckOptions(options, values);
  if (values.force !== undefined && values.force.trim().length < 10)
    throw new CheckError('--force says why, in ten letters at least.');
  const { report, version, isNew } = await publish(
    await toRegistryCommand(options, values),
    checkOptions,
    values.force ?? null,
  );
  tell(options, report, format, checkOptions.root);
  if (!version) {
    options.printError('Nothing is published.\n');
    return EXIT.failed;
  }
  options.printError(
    isNew ? `Published ${describeVersion(version)}.\n` : `${describeVersion(version)} is published already.\n`,
  );
  return EXIT.passed;
}

async function runHistory(options: CliOptions, values: Values): Promise<number> {
  const { registry } = await toRegistryCommand(options, values);
  const versions = await registry.history();
  options.print(values.format === 'json' ? `${JSON.stringify(versions, null, 2)}\n` : renderHistory(versions));
  return EXIT.passed;
}

async function runDiff(options: CliOptions, values: Values, [a = '', b = '']: string[]): Promise<number> {
  const format = readFormat(values.format);
  const operations = await readOperations(toCheckOptions(options, values));
  return tell(options, await diffVersions(await toRegistryCommand(options, values), [a, b], operations), format);
}

async function runRollback(options: CliOptions, values: Values, name: string | null): Promise<number> {
  const version = await rollback(await toRegistryCommand(options, values), name);
  options.print(`Published ${describeVersion(version)}, which goes back to ${version.restores?.slice(0, 10) ?? ''}.\n`);
  return EXIT.passed;
}

function toCheckOptions({ cwd, today, env }: CliOptions, values: Values): CheckOptions {
  const file = path.resolve(cwd, values.config);
  const root = path.dirname(file);
  return {
    root,
    settings: readSettings(filesOnDisk(root), path.basename(file)),
    against: values.against ?? null,
    without: values.without ?? null,
    today: readDay(values.today ?? today),
    readPublished: () => null,
    remote: readRemoteKeys(env),
    traffic: toTraffic({ cwd, env }, values, root),
  };
}

/** What is in files is named from the root. */
function toTraffic({ cwd, env }: Pick<CliOptions, 'cwd' | 'env'>, values: Values, root: string): string[] {
  return [...values.traffic, ...readTrafficSources(env)].map((source) =>
    isRedis(source) ? source : path.relative(root, path.resolve(cwd, source)) || '.',
  );
}

/** Null where nothing says where versions are kept. */
async function openRegistry({ cwd, env }: CliOptions, values: Values, { root, settings }: CheckOptions) {
  const [folder, given] = values.registry === undefined ? [root, settings.registry] : [cwd, values.registry];
  if (given === undefined) return null;
  if (/^(?!gs:)[a-z][a-z\d+.-]*:\/\//i.test(given))
    throw new CheckError(`${given} is no registry: name a folder, or gs://bucket/folder.`);
  if (!given.startsWith('gs://')) return createRegistry(createFolderStore(path.resolve(folder, given)));
  return createRegistry(await createBucketStore(given, readStorageEmulator(env)));
}

async function toRegistryCommand(options: CliOptions, values: Values): Promise<RegistryCommand> {
  const checkOptions = toCheckOptions(options, values);
  const registry = await openRegistry(options, values, checkOptions);
  if (registry === null)
    throw new CheckError('Say where versions are kept: with --registry, or as registry in the settings.');
  const { root, settings } = checkOptions;
  return { registry, root, settings, by: values.by ?? null };
}

async function runCompare(options: CliOptions, values: Values, [before = '', after = '']: string[]): Promise<number> {
  const startedAt = performance.now();
  const format = readFormat(values.format);
  const tree = filesOnDisk(options.cwd);
  const read = (file: string) => {
    const text = tree.read(file);
    if (text === null) throw new CheckError(`There is no file ${file}.`);
    return text;
  };
  const [was, is] = [read(before), read(after)];
  const operations = await readOperations({
    root: options.cwd,
    settings: { clients: values.operations ? [{ name: 'client', operations: values.operations }] : [] },
    today: readDay(values.today ?? options.today),
    traffic: toTraffic(options, values, options.cwd),
  });
  const findings = await compareGraphs(readGraph(was, before), readGraph(is, after), {
    settings: { contracts: [] },
    operations,
    findPlace: indexPlaces([parse(new Source(is, after))]),
  });
  const base = { name: before, graph: readGraph(was, before) };
  return tell(options, toReport(findings, base, [], performance.now() - startedAt), format);
}

/** @param root the folder that places of the report are relative to; told are those from where the command runs, as tools look for them */
function tell({ cwd, print }: CliOptions, report: Report, format: Format, root = cwd): number {
  print(FORMATS[format](relocate(report, path.relative(cwd, root).split(path.sep).join('/'))));
  return report.passed ? EXIT.passed : EXIT.failed;
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new CheckError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

function expectParameters(command: string, parameters: readonly string[], count: number): void {
  if (parameters.length !== count) throw new CheckError(`${command} takes ${count} parameters.\n\n${USAGE}`);
}

function readFormat(name: string): Format {
  if (!isFormat(name))
    throw new CheckError(`There is no format ${name}; there are ${Object.keys(FORMATS).join(', ')}.`);
  return name;
}

function readDay(day: string): string {
  if (!isDay(day)) throw new CheckError(`${day} is no day: write it as 2026-12-31.`);
  return day;
}
