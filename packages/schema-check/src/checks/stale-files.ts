import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Kind, parse, print, visit, type DocumentNode } from 'graphql';
import { findLinesOf, manifestSchema } from '../clients/read-clients.js';
import type { ClientOperation } from '../clients/client-operation.js';
import type { Finding } from '../finding.js';
import type { FileTree } from '../sources/file-tree.js';

/** Tells where a composed supergraph is not what is committed. Comments before it are nobody's business. */
export function findStaleSupergraph(tree: FileTree, file: string, composed: string): Finding[] {
  const text = tree.read(file);
  if (text === null) return [stale(file, 1, `There is no ${file}: compose it and commit it.`)];
  const committed = text.split('\n');
  const first = committed.findIndex((line) => !line.startsWith('#'));
  const start = first === -1 ? committed.length : first;
  const fresh = composed.trimEnd().split('\n');
  const lines = text.trimEnd().split('\n').slice(start);
  const at = fresh.findIndex((line, index) => line !== lines[index]);
  if (at === -1 && fresh.length === lines.length) return [];
  const line = at === -1 ? fresh.length : at;
  return [
    stale(
      file,
      Math.min(start + line + 1, committed.length),
      `${file} is not what the subgraphs compose to: compose it again. It says ${quote(lines[line])}, and they ${quote(fresh[line])}.`,
    ),
  ];
}

/**
 * Tells where a manifest has other operations than its client's files.
 *
 * Apollo Client asks everywhere for `__typename`, and its manifests have the documents as it sends them: that is no difference.
 */
export function findStaleManifest(
  tree: FileTree,
  file: string,
  client: string,
  operations: readonly ClientOperation[],
): Finding[] {
  const text = tree.read(file) ?? '';
  const manifest = manifestSchema.safeParse(parseJson(text));
  if (!manifest.success) return [stale(file, 1, `${file} is no manifest of persisted operations.`)];
  const ids = new Map(manifest.data.operations.map(({ name, id }) => [name, id]));
  const findLine = findLinesOf(text);
  const lineOf = (name: string) => findLine(ids.get(name) ?? '');
  const unreadable = manifest.data.operations.filter(({ body }) => !isGraphQL(body));
  if (unreadable.length > 0)
    return unreadable.map(({ name }) =>
      stale(file, lineOf(name), `${file} has no GraphQL as ${name}: generate it again.`),
    );
  const listed = new Map(manifest.data.operations.map(({ name, body }) => [name, normal(body)]));
  const sent = operations.filter((operation) => operation.client === client && operation.isFile);
  const own = new Map(
    sent.map(({ name, document }) => [name, [normal(print(document)), print(withTypenames(document))]]),
  );
  const twice = new Set(sent.map(({ name }) => name).filter((name, index, all) => all.indexOf(name) !== index));
  const missing = [...own.keys()].filter((name) => !listed.has(name));
  const changed = [...own].flatMap(([name, body]) =>
    listed.has(name) && !body.includes(listed.get(name) ?? '') ? [name] : [],
  );
  const unknown = [...listed.keys()].filter((name) => !own.has(name));
  return [
    ...[...twice].map((name) => stale(file, 1, `${client} sends two operations ${name}: ${file} can only have one.`)),
    ...missing.map((name) => stale(file, 1, `${file} lacks ${name}, which ${client} sends: generate it again.`)),
    ...changed.map((name) =>
      stale(file, lineOf(name), `${file} has another ${name} than ${client} sends: generate it again.`),
    ),
    ...unknown.map((name) =>
      stale(file, lineOf(name), `${file} lists ${name}, which ${client} does not send any more.`),
    ),
  ];
}

interface CodegenContext {
  cwd: string;
  updateConfig(config: { readonly silent: boolean; readonly cwd: string }): void;
}

interface Codegen {
  loadContext(file: string): Promise<CodegenContext>;
  generate(
    context: CodegenContext,
    saveToFile: boolean,
  ): Promise<Array<{ readonly filename: string; readonly content: string }>>;
}

/** Tells which generated files are not what graphql-codegen would write, which is the repository's own. */
export async function findStaleCode(root: string, config: string, tree: FileTree): Promise<Finding[]> {
  let codegen: Codegen;
  try {
    const resolved = createRequire(path.join(root, 'package.json')).resolve('@graphql-codegen/cli');
    codegen = (await import(pathToFileURL(resolved).href)) as Codegen;
  } catch (error) {
    return [stale(config, 1, `@graphql-codegen/cli cannot be loaded here: ${(error as Error).message}`)];
  }
  let files: Awaited<ReturnType<Codegen['generate']>>;
  try {
    const context = await codegen.loadContext(path.resolve(root, config));
    // By itself it would look from where the command runs.
    context.cwd = root;
    context.updateConfig({ silent: true, cwd: root });
    files = await codegen.generate(context, false);
  } catch (error) {
    // What keeps it from generating, as SDL that is no GraphQL does, keeps nothing else from being checked.
    return [stale(config, 1, `${config} cannot be generated from: ${(error as Error).message.trim()}`)];
  }
  return files.flatMap(({ filename, content }) => {
    const file = path.relative(root, path.resolve(root, filename)).split(path.sep).join('/');
    const text = tree.read(file);
    if (text === content) return [];
    const lines = (text ?? '').split('\n');
    const at = content.split('\n').findIndex((line, index) => line !== lines[index]);
    const line = Math.min(at === -1 ? lines.length : at + 1, lines.length);
    return [stale(file, line, `${file} is not what ${config} generates: generate it again.`)];
  });
}

function stale(file: string, line: number, message: string): Finding {
  return { check: 'files', code: 'STALE_FILE', severity: 'error', message, place: { file, line, column: 1 } };
}

function quote(line: string | undefined): string {
  return line === undefined ? 'nothing more' : JSON.stringify(line.trim());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isGraphQL(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

function normal(text: string): string {
  return print(parse(text, { noLocation: true }));
}

const TYPENAME = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } } as const;

/** Asks for `__typename` last in each selection but those of operations, where it is not asked for already. */
function withTypenames(document: DocumentNode): DocumentNode {
  return visit(document, {
    SelectionSet(node, _key, parent) {
      const isOperation = !Array.isArray(parent) && (parent as { kind?: Kind })?.kind === Kind.OPERATION_DEFINITION;
      const isThere = node.selections.some((one) => one.kind === Kind.FIELD && one.name.value === '__typename');
      return isOperation || isThere ? undefined : { ...node, selections: [...node.selections, TYPENAME] };
    },
  });
}
