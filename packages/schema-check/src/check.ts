import { approve, readApprovals } from './approvals.js';
import { readBudget } from './budget.js';
import { CheckError } from './check-error.js';
import { findChanges } from './checks/changes.js';
import { lintSubgraphs } from './checks/lint.js';
import { checkOperations } from './checks/operations.js';
import { findStaleCode, findStaleManifest, findStaleSupergraph } from './checks/stale-files.js';
import { checkElsewhere } from './checks/remote-checks.js';
import { findWrongEdges } from './checks/relay-edges.js';
import { findUnusedTypes } from './checks/unused-types.js';
import type { ClientOperation } from './clients/client-operation.js';
import { readRegistered } from './clients/read-clients.js';
import { readTraffic } from './clients/read-traffic.js';
import type { RemoteKeys } from './config.js';
import { inOrder, type Finding, type OperationFigures, type Report } from './finding.js';
import { cutContract } from './graph/contract-schema.js';
import { composeGraph, type Graph } from './graph/graph.js';
import { indexPlaces, type FindPlace } from './graph/place.js';
import { TRAFFIC_DAYS, type Settings } from './settings.js';
import { findBase, readBase, type BaseGraph, type BaseOptions } from './sources/base-graph.js';
import { filesOnDisk } from './sources/disk-files.js';
import { readSubgraphs, type SubgraphSource } from './sources/subgraph-sources.js';

export interface CheckOptions {
  /** The folder of the settings file, which all paths are relative to. */
  readonly root: string;
  readonly settings: Settings;
  /** What to compare with; where it is null, the settings say it. */
  readonly against: string | null;
  /** The subgraph that is thought away: what falls away with it is compared with the graph as it is. */
  readonly without: string | null;
  /** The day, as 2026-12-31. */
  readonly today: string;
  readonly readPublished: BaseOptions['readPublished'];
  /** Recorded traffic beside that of the settings: files, folders, or the Redis that gateways record into. */
  readonly traffic: readonly string[];
  /** Of registries elsewhere that are asked as well. */
  readonly remote: RemoteKeys;
}

/** A report, with what it is about. */
export interface Checked {
  readonly report: Report;
  /** Null where the subgraphs do not compose. */
  readonly graph: Graph | null;
  readonly sources: readonly SubgraphSource[];
}

/** Checks the graph of a repository. @throws CheckError when it cannot be checked */
export async function check(options: CheckOptions): Promise<Checked> {
  const startedAt = performance.now();
  const { root, settings, without, today } = options;
  const tree = filesOnDisk(root);
  const operations = await readOperations(options);
  const budget = readBudget(tree, settings.budget ?? null);
  const approvals = readApprovals(tree, settings.approvals ?? null);
  const found = readSubgraphs(tree, settings.subgraphs);
  if (!found) throw new CheckError(`There is no ${settings.subgraphs}.`);
  const sources = without === null ? found.sources : leaveOut(found.sources, without);

  const composed = found.faults.length > 0 ? { graph: null, findings: found.faults } : composeGraph(sources);
  const { graph } = composed;
  const findings: Finding[] = [...composed.findings];
  let base: BaseGraph | null = null;
  let figures: OperationFigures[] = [];
  if (graph?.supergraphSdl) {
    base = without === null ? chooseBase(options) : { name: 'the graph as it is', graph: wholeGraph(found.sources) };
    const findPlace = indexPlaces(sources.map(({ document }) => document));
    if (!base && settings.against.length > 0) findings.push(nothingToCompare(settings.against));
    if (base) findings.push(...(await compareGraphs(base.graph, graph, { settings, operations, findPlace })));
    const run = checkOperations(graph.supergraphSdl, operations ?? [], budget, base?.graph.api ?? null);
    findings.push(...run.findings);
    figures = run.figures;
    if (settings.lint && without === null)
      findings.push(...findUnusedTypes(graph.api, findPlace), ...findWrongEdges(graph.api, findPlace));
    if (without === null) findings.push(...(await findStaleFiles(options, graph.supergraphSdl, operations ?? [])));
  }
  if (settings.lint && without === null && found.faults.length === 0)
    findings.push(...(await lintSubgraphs(root, sources, today)));
  if (graph && without === null) findings.push(...(await checkElsewhere(root, sources, options.remote)));
  const judged = approve(findings, approvals, { file: settings.approvals ?? '', today });
  return { report: toReport(judged, base, figures, performance.now() - startedAt), graph, sources };
}

/** Compares two graphs: what clients see, each contract of it, and each subgraph. */
export async function compareGraphs(
  before: Graph,
  after: Graph,
  {
    settings,
    operations,
    findPlace,
  }: {
    readonly settings: Pick<Settings, 'contracts'>;
    readonly operations: readonly ClientOperation[] | null;
    readonly findPlace: FindPlace;
  },
): Promise<Finding[]> {
  const shared = { findPlace, operations };
  const findings = await findChanges({ ...shared, schema: 'api', before: before.api, after: after.api });
  for (const { name, ...filter } of settings.contracts) {
    if (before.supergraphSdl === null || after.supergraphSdl === null) continue;
    const was = cutContract(before.api, before.supergraphSdl, filter);
    const is = cutContract(after.api, after.supergraphSdl, filter);
    if (!is) findings.push(emptyContract(name));
    else if (was)
      findings.push(...(await findChanges({ ...shared, schema: `contract ${name}`, before: was, after: is })));
  }
  for (const [name, schema] of after.subgraphs) {
    const was = before.subgraphs.get(name);
    if (was)
      findings.push(
        ...(await findChanges({ ...shared, schema: `subgraph ${name}`, before: was, after: schema, isInternal: true })),
      );
  }
  return findings;
}

export function toReport(
  findings: readonly Finding[],
  base: BaseGraph | null,
  operations: readonly OperationFigures[],
  durationMs: number,
): Report {
  const count = (level: Finding['criticality']) =>
    findings.filter(({ criticality, schema }) => criticality === level && !schema?.startsWith('subgraph ')).length;
  return {
    passed: findings.every(({ severity }) => severity !== 'error'),
    against: base?.name ?? null,
    changes: { breaking: count('breaking'), dangerous: count('dangerous'), safe: count('safe') },
    findings: inOrder(findings),
    operations,
    durationMs: Math.round(durationMs),
  };
}

interface ReadOperationsOptions extends Pick<CheckOptions, 'root' | 'today' | 'traffic'> {
  readonly settings: Pick<Settings, 'clients' | 'traffic'>;
}

/** Null where nothing is known of any client. */
export async function readOperations({
  root,
  settings,
  today,
  traffic: given,
}: ReadOperationsOptions): Promise<ClientOperation[] | null> {
  const { clients, traffic } = settings;
  const sources = [...(traffic?.files ?? []), ...given];
  if (clients.length === 0 && sources.length === 0) return null;
  const tree = filesOnDisk(root);
  return [
    ...(await readRegistered(tree, clients)),
    ...(await readTraffic(tree, sources, daysBefore(today, traffic?.days ?? TRAFFIC_DAYS))),
  ];
}

function daysBefore(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00.000Z`);
  date.setUTCDate(date.getUTCDate() - days);
  return date.toISOString().slice(0, 10);
}

function chooseBase({ root, settings, against, readPublished }: CheckOptions): BaseGraph | null {
  const options: BaseOptions = { root, subgraphs: settings.subgraphs, readPublished };
  if (against !== null) return readBase(against, options);
  for (const name of settings.against) {
    const base = findBase(name, options);
    if (base) return base;
  }
  return null;
}

function leaveOut(sources: readonly SubgraphSource[], without: string): SubgraphSource[] {
  const others = sources.filter(({ name }) => name !== without);
  if (others.length === sources.length)
    throw new CheckError(`There is no subgraph ${without}; there are ${sources.map(({ name }) => name).join(', ')}.`);
  if (others.length === 0) throw new CheckError(`Without ${without} there is no subgraph.`);
  return others;
}

function wholeGraph(sources: readonly SubgraphSource[]): Graph {
  const { graph } = composeGraph(sources);
  if (!graph) throw new CheckError('The subgraphs do not compose as they are.');
  return graph;
}

async function findStaleFiles(
  { root, settings }: CheckOptions,
  supergraphSdl: string,
  operations: readonly ClientOperation[],
): Promise<Finding[]> {
  const tree = filesOnDisk(root);
  for (const { file, client } of settings.manifests)
    if (!settings.clients.some(({ name }) => name === client))
      throw new CheckError(`The manifest ${file} is of the client ${client}, which is none of clients.`);
  const code: Finding[] = [];
  for (const config of settings.codegen) code.push(...(await findStaleCode(root, config, tree)));
  return [
    ...(settings.supergraph === undefined ? [] : findStaleSupergraph(tree, settings.supergraph, supergraphSdl)),
    ...settings.manifests.flatMap(({ file, client }) => findStaleManifest(tree, file, client, operations)),
    ...code,
  ];
}

/** A check that compares nothing passes; a user who relies on it has to hear of that. */
function nothingToCompare(names: readonly string[]): Finding {
  return {
    check: 'changes',
    code: 'NOTHING_TO_COMPARE',
    severity: 'warning',
    message: `Changes were not looked at: there is no graph at ${names.join(' or ')}. A shallow clone has no branch but its own.`,
  };
}

function emptyContract(name: string): Finding {
  return {
    check: 'changes',
    code: 'EMPTY_CONTRACT',
    severity: 'error',
    message: `Nothing is left of the contract ${name} that could be asked for.`,
    schema: `contract ${name}`,
  };
}
