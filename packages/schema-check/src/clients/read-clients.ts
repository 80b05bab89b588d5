import { concatAST, Kind, print, type DocumentNode, type FragmentDefinitionNode, type Source } from 'graphql';
import { z } from 'zod';
import { CheckError } from '../check-error.js';
import type { Place } from '../finding.js';
import type { FileTree } from '../sources/file-tree.js';
import { splitDocument, type ClientOperation, type FindFragment } from './client-operation.js';
import { parseOrThrow } from './parse-document.js';
import { CODE_EXTENSIONS, isCode, readTags } from './read-tags.js';

/** A client that has registered what it sends. */
export interface ClientSettings {
  readonly name: string;
  /** Files of GraphQL, code with documents in tags, or folders of both, and manifests of persisted queries. */
  readonly operations: readonly string[];
}

/** `apollo-persisted-query-manifest`, version 1. */
export const manifestSchema = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), name: z.string(), body: z.string().min(1) })),
});

const GRAPHQL_EXTENSIONS = ['.graphql', '.graphqls', '.gql'] as const;

/** Reads what clients have registered. @throws CheckError when a file is missing, or holds no operations */
export async function readRegistered(tree: FileTree, clients: readonly ClientSettings[]): Promise<ClientOperation[]> {
  const read = await Promise.all(clients.map((client) => readClient(tree, client)));
  return read.flat();
}

async function readClient(tree: FileTree, { name: client, operations }: ClientSettings): Promise<ClientOperation[]> {
  const manifests = operations.filter((file) => file.endsWith('.json'));
  const named = await Promise.all(
    operations.filter((file) => !file.endsWith('.json')).map((file) => readDocuments(tree, file, client)),
  );
  const whole = concatAST(named.flat());
  const inFiles = splitDocument(whole, fragmentsOfClient(client, whole)).map(({ name, document: own }) => ({
    name,
    client,
    document: own,
    place: startOf(own.definitions[0]?.loc),
    isFile: true,
    isRegistered: true,
  }));
  const all = [...withoutCopies(inFiles), ...manifests.flatMap((file) => readManifest(tree, file, client))];
  // Of a client that asks for nothing, nothing could break; it is likelier that its operations are elsewhere.
  if (all.length === 0) throw new CheckError(`The client ${client} has no operations in ${operations.join(', ')}.`);
  return all;
}

/** What stands in a file of GraphQL may stand in code that was generated from it as well. */
function withoutCopies(operations: readonly ClientOperation[]): ClientOperation[] {
  const known = new Set<string>();
  return operations.filter(({ document }) => {
    const text = print(document);
    if (known.has(text)) return false;
    known.add(text);
    return true;
  });
}

/**
 * Fragments may stand in other files of the same client. Where several have one name, the one of the same file is meant.
 *
 * @throws CheckError, when it looks for one, where only other files have it, and not the same
 */
function fragmentsOfClient(client: string, { definitions }: DocumentNode): FindFragment {
  const fragments = new Map<string, FragmentDefinitionNode[]>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      const { value } = definition.name;
      fragments.set(value, [...(fragments.get(value) ?? []), definition]);
    }
  return ({ name: { value }, loc }) => {
    const all = fragments.get(value) ?? [];
    const own = all.find((fragment) => fragment.loc?.source.name === loc?.source.name);
    if (own || new Set(all.map(print)).size <= 1) return own ?? all[0];
    const places = all.map((fragment) => startOf(fragment.loc)).map(({ file, line }) => `${file}:${line}`);
    const { file, line } = startOf(loc);
    throw new CheckError(
      `${file}:${line} spreads ${value}, of which ${client} has several: ${places.join(', ')}. Name them apart.`,
    );
  };
}

/** The documents of a file, or of all files below a folder. */
async function readDocuments(tree: FileTree, folder: string, client: string): Promise<DocumentNode[]> {
  const files = tree
    .list(folder, [...GRAPHQL_EXTENSIONS, ...CODE_EXTENSIONS])
    .map((file) => [file, readOrThrow(tree, file)] as const);
  const code = files.filter(([file]) => isCode(file));
  const documents = [
    ...files.filter(([file]) => !isCode(file)).map(([file, text]) => parseOrThrow(text, file)),
    ...(await readTags(code)),
  ];
  if (documents.length === 0) throw new CheckError(`The client ${client} has no operations in ${folder}.`);
  return documents;
}

function readManifest(tree: FileTree, file: string, client: string): ClientOperation[] {
  const text = readOrThrow(tree, file);
  const manifest = manifestSchema.safeParse(readJson(text, file));
  if (!manifest.success) throw new CheckError(`${file} is no manifest: ${z.prettifyError(manifest.error)}`);
  const lineOf = findLinesOf(text);
  return manifest.data.operations.flatMap(({ id, body }) => {
    const line = lineOf(id);
    return splitDocument(parseOrThrow(body, `${file} (${id})`)).map((operation) => ({
      ...operation,
      client,
      place: { file, line, column: 1 },
      isFile: false,
      isRegistered: true,
    }));
  });
}

/** Tells the line of an operation's id; a manifest may stand in one line. */
export function findLinesOf(manifest: string): (id: string) => number {
  const lines = manifest.split('\n');
  return (id) => Math.max(1, lines.findIndex((line) => line.includes(JSON.stringify(id))) + 1);
}

export function readOrThrow(tree: FileTree, file: string): string {
  const text = tree.read(file);
  if (text === null) throw new CheckError(`There is no file ${file}.`);
  return text;
}

export function readJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CheckError(`${file} is no JSON: ${(error as Error).message}`);
  }
}

function startOf(
  loc: { readonly source: Source; readonly startToken: { readonly line: number; readonly column: number } } | undefined,
): Place {
  return { file: loc?.source.name ?? '', line: loc?.startToken.line ?? 1, column: loc?.startToken.column ?? 1 };
}
