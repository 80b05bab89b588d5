import { concatAST, GraphQLError, parse, Source } from 'graphql';
import { z } from 'zod';
import { CheckError } from '../check-error.js';
import type { Place } from '../finding.js';
import type { FileTree } from '../sources/file-tree.js';
import { splitDocument, type ClientOperation } from './client-operation.js';

/** A client that has registered what it sends. */
export interface ClientSettings {
  readonly name: string;
  /** Files of GraphQL or folders of them, and manifests of persisted queries. */
  readonly operations: readonly string[];
}

/** `apollo-persisted-query-manifest`, version 1. */
export const manifestSchema = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), name: z.string(), body: z.string().min(1) })),
});

/** Reads what clients have registered. @throws CheckError when a file is missing, or holds no operations */
export function readRegistered(tree: FileTree, clients: readonly ClientSettings[]): ClientOperation[] {
  return clients.flatMap(({ name: client, operations }) => {
    const manifests = operations.filter((file) => file.endsWith('.json'));
    const files = operations
      .filter((file) => !file.endsWith('.json'))
      .flatMap((file) => {
        const found = tree.list(file, '.graphql');
        if (found.length === 0) throw new CheckError(`The client ${client} has no operations in ${file}.`);
        return found;
      });
    // Fragments may stand in other files of the same client.
    const document = concatAST(files.map((file) => parseOrThrow(readOrThrow(tree, file), file)));
    const inFiles = splitDocument(document).map(({ name, document: own }) => ({
      name,
      client,
      document: own,
      place: startOf(own.definitions[0]?.loc),
      isFile: true,
      isRegistered: true,
    }));
    return [...inFiles, ...manifests.flatMap((file) => readManifest(tree, file, client))];
  });
}

function readManifest(tree: FileTree, file: string, client: string): ClientOperation[] {
  const text = readOrThrow(tree, file);
  const manifest = manifestSchema.safeParse(readJson(text, file));
  if (!manifest.success) throw new CheckError(`${file} is no manifest: ${z.prettifyError(manifest.error)}`);
  const lines = text.split('\n');
  return manifest.data.operations.flatMap(({ id, body }) => {
    const line = Math.max(1, lines.findIndex((each) => each.includes(JSON.stringify(id))) + 1);
    return splitDocument(parseOrThrow(body, `${file} (${id})`)).map((operation) => ({
      ...operation,
      client,
      place: { file, line, column: 1 },
      isFile: false,
      isRegistered: true,
    }));
  });
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

export function parseOrThrow(text: string, name: string) {
  try {
    return parse(new Source(text, name));
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    throw new CheckError(`${name}:${error.locations?.[0]?.line ?? 1} is no GraphQL: ${error.message}`);
  }
}

function startOf(
  loc: { readonly source: Source; readonly startToken: { readonly line: number; readonly column: number } } | undefined,
): Place {
  return { file: loc?.source.name ?? '', line: loc?.startToken.line ?? 1, column: loc?.startToken.column ?? 1 };
}
