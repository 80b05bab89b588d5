import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CheckError } from '../check-error.js';
import { composeGraph, readGraph, type Graph } from '../graph/graph.js';
import { filesOfCommit } from './commit-files.js';
import { findCommit } from './git.js';
import { readSubgraphs } from './subgraph-sources.js';

/** What changes are compared with. */
export interface BaseGraph {
  readonly name: string;
  readonly graph: Graph;
}

export interface BaseOptions {
  readonly root: string;
  /** The file that names the subgraphs. */
  readonly subgraphs: string;
  /** The supergraph that the registry has published last; null where there is none. */
  readonly readPublished: () => { readonly name: string; readonly text: string } | null;
}

const REGISTRY = 'registry';

/**
 * Finds the graph that a name stands for: `registry`, a file, or else a commit, a branch or a tag, whose subgraphs are composed.
 *
 * @throws CheckError when there is nothing of that name, or it is no graph
 */
export function readBase(name: string, options: BaseOptions): BaseGraph {
  const base = findBase(name, options);
  if (!base) throw new CheckError(`There is no file, no commit and no published version that ${name} names.`);
  return base;
}

/** Null where there is nothing of that name. @throws CheckError when it is there, and no graph */
export function findBase(name: string, { root, subgraphs, readPublished }: BaseOptions): BaseGraph | null {
  if (name === REGISTRY) {
    const published = readPublished();
    return published && { name: published.name, graph: readGraph(published.text, published.name) };
  }
  if (name.endsWith('.graphql') || name.endsWith('.graphqls')) {
    const text = readFile(path.resolve(root, name));
    return text === null ? null : { name, graph: readGraph(text, name) };
  }
  const commit = findCommit(root, name);
  if (commit === null) return null;
  const found = readSubgraphs(filesOfCommit(root, commit), subgraphs);
  // Before the graph was there, nobody could use it.
  if (!found) return null;
  const { graph, findings } =
    found.faults.length > 0 ? { graph: null, findings: found.faults } : composeGraph(found.sources);
  if (!graph)
    throw new CheckError(
      `The subgraphs of ${name} do not compose: ${findings.map(({ message }) => message).join('; ')}`,
    );
  return { name: `${name} (${commit.slice(0, 7)})`, graph };
}

function readFile(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null;
    throw new CheckError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
