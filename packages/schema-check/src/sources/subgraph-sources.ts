import path from 'node:path';
import { concatAST, GraphQLError, parse, Source, type DocumentNode } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { CheckError } from '../check-error.js';
import type { Finding } from '../finding.js';
import type { FileTree } from './file-tree.js';

/** The SDL of one subgraph, each node of which knows the file that it stands in. */
export interface SubgraphSource {
  readonly name: string;
  readonly url: string;
  readonly document: DocumentNode;
  /** All files, one after the other. */
  readonly text: string;
}

const subgraphSchema = z.object({
  routing_url: z.string().default(''),
  schema: z.union([z.string().min(1), z.object({ file: z.string().min(1) })]),
});
const configSchema = z.object({ subgraphs: z.record(z.string().min(1), subgraphSchema) });

/**
 * Reads the subgraphs that a file in the format of `rover supergraph compose` names. `schema` is a file, or a folder of them.
 *
 * @returns null where there is no such file, and what of the SDL cannot be parsed
 * @throws CheckError when the file says something else, or a subgraph has no SDL
 */
export function readSubgraphs(
  tree: FileTree,
  file: string,
): { readonly sources: SubgraphSource[]; readonly faults: Finding[] } | null {
  const text = tree.read(file);
  if (text === null) return null;
  const config = configSchema.safeParse(readYaml(text, file));
  if (!config.success) throw new CheckError(`${file} names no subgraphs: ${z.prettifyError(config.error)}`);
  const faults: Finding[] = [];
  const sources = Object.entries(config.data.subgraphs).map(([name, { routing_url: url, schema }]) => {
    const folder = path.posix.join(path.posix.dirname(file), typeof schema === 'string' ? schema : schema.file);
    const files = tree.list(folder, ['.graphql']);
    if (files.length === 0) throw new CheckError(`There is no SDL of the subgraph ${name} in ${folder}.`);
    const texts = files.map((each) => ({ name: each, body: tree.read(each) ?? '' }));
    const documents = texts.flatMap(({ name: each, body }) => parseFile(each, body, faults));
    if (documents.length === 0 && faults.length === 0)
      throw new CheckError(`The SDL of the subgraph ${name} in ${folder} says nothing.`);
    return { name, url, document: concatAST(documents), text: texts.map(({ body }) => body).join('\n') };
  });
  return { sources, faults };
}

function parseFile(name: string, body: string, faults: Finding[]): DocumentNode[] {
  // A file may have nothing but comments.
  if (body.replaceAll(/#.*$/gm, '').trim() === '') return [];
  try {
    return [parse(new Source(body, name))];
  } catch (error) {
    if (error instanceof RangeError) throw new CheckError(`${name} is nested too deeply.`);
    if (!(error instanceof GraphQLError)) throw error;
    const { line = 1, column = 1 } = error.locations?.[0] ?? {};
    faults.push({
      check: 'composition',
      code: 'INVALID_GRAPHQL',
      severity: 'error',
      message: error.message,
      place: { file: name, line, column },
    });
    return [];
  }
}

/** @throws CheckError */
export function readYaml(text: string, file: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    throw new CheckError(`${file} is no YAML: ${(error as Error).message}`);
  }
}
