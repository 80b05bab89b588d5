import { check, compareGraphs, toReport, type CheckOptions } from '../check.js';
import { CheckError } from '../check-error.js';
import type { ClientOperation } from '../clients/client-operation.js';
import type { Report } from '../finding.js';
import { readGraph } from '../graph/graph.js';
import type { Settings } from '../settings.js';
import { findAuthor, findCommit } from '../sources/git.js';
import type { Registry, Version } from './registry.js';

export interface RegistryCommand {
  readonly registry: Registry;
  readonly root: string;
  readonly settings: Settings;
  readonly by: string | null;
}

/** Checks the graph against the version that was published last, and publishes it where that passes. */
export async function publish(
  { registry, root, by }: RegistryCommand,
  options: CheckOptions,
  forcedBecause: string | null,
): Promise<{ readonly report: Report; readonly version: Version | null; readonly isNew: boolean }> {
  const current = await registry.readCurrent();
  const readPublished = () => current && { name: describeVersion(current.version), text: current.text };
  const checked = await check({ ...options, against: current ? 'registry' : options.against, readPublished });
  const { report, graph, sources } = checked;
  if (!graph?.supergraphSdl) return { report, version: null, isNew: false };
  if (!report.passed && forcedBecause === null) return { report, version: null, isNew: false };
  const published = await registry.publish(
    {
      supergraphSdl: `${graph.supergraphSdl.trimEnd()}\n`,
      subgraphs: sources.map(({ name, url, text }) => ({ name, url, sdl: text })),
      ...author(root, by),
      forcedBecause: report.passed ? null : forcedBecause,
      report,
    },
    current?.version ?? null,
  );
  return { report, ...published };
}

/** The changes between two versions, and whom they hurt. */
export async function diffVersions(
  { registry, settings }: RegistryCommand,
  [a, b]: readonly [string, string],
  operations: readonly ClientOperation[] | null,
): Promise<Report> {
  const startedAt = performance.now();
  const [before, after] = [await registry.find(a), await registry.find(b)];
  const [was, is] = [await registry.readSupergraph(before), await registry.readSupergraph(after)];
  const base = { name: describeVersion(before), graph: readGraph(was, describeVersion(before)) };
  const findings = await compareGraphs(base.graph, readGraph(is, describeVersion(after)), {
    settings,
    operations,
    // What is compared lies in the registry: it has no line here.
    findPlace: () => undefined,
  });
  return toReport(findings, base, [], performance.now() - startedAt);
}

/** Goes back to a version, or to the one before the last. @throws CheckError where there is none */
export async function rollback({ registry, root, by }: RegistryCommand, name: string | null): Promise<Version> {
  const [current, before] = await registry.history();
  if (!current || (name === null && !before)) throw new CheckError('There is no version to go back to.');
  const target = name === null ? before : await registry.find(name);
  if (!target || target.supergraph === current.supergraph)
    throw new CheckError(`${target ? describeVersion(target) : name} is what is served now.`);
  return registry.rollback(target, author(root, by));
}

export function describeVersion({ sequence, id }: Version): string {
  return `version ${sequence} (${id.slice(0, 10)})`;
}

/** One line for each version. */
export function renderHistory(versions: readonly Version[]): string {
  if (versions.length === 0) return 'Nothing has been published.\n';
  return versions
    .map((version) => {
      const { publishedAt, publishedBy, commit, restores, forcedBecause, subgraphs } = version;
      const restored = versions.find(({ id }) => id === restores);
      return [
        describeVersion(version),
        publishedAt,
        publishedBy,
        commit === null ? '-' : commit.slice(0, 10),
        restored ? `goes back to ${describeVersion(restored)}` : subgraphs.map(({ name }) => name).join(', '),
        ...(forcedBecause === null ? [] : [`forced: ${forcedBecause}`]),
      ].join('  ');
    })
    .join('\n')
    .concat('\n');
}

function author(root: string, by: string | null) {
  const publishedBy = by ?? findAuthor(root);
  if (publishedBy === null) throw new CheckError('Say who publishes with --by, or set user.email of git.');
  return { publishedAt: new Date().toISOString(), publishedBy, commit: findCommit(root, 'HEAD') };
}
