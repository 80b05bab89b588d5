import { z } from 'zod';
import { CheckError } from '../check-error.js';
import type { FileTree } from '../sources/file-tree.js';
import { splitDocument, type ClientOperation } from './client-operation.js';
import { parseOrThrow } from './parse-document.js';
import { readJson, readOrThrow } from './read-clients.js';
import { isRedis, readRedisTraffic, withoutPassword } from './redis-traffic.js';

/** One operation of recorded traffic. */
const recordSchema = z.object({
  client: z.string().min(1).optional(),
  version: z.string().optional(),
  operation: z.string().min(1),
  operationName: z.string().optional(),
  firstSeen: z.string().optional(),
  lastSeen: z.string().optional(),
  count: z.number().int().nonnegative().optional(),
});

/** A client that does not name itself is counted all the same. */
const UNKNOWN = 'unknown';
const ENDINGS = ['.ndjson', '.jsonl', '.json'];

/**
 * Reads recorded traffic: one JSON object on each line, or an array of them, of files, of folders, and of the Redis that gateways record into.
 * Records are operations with the client that has sent them, and never variables.
 *
 * @param since what was last seen before this day is not counted; what says no day is
 * @throws CheckError
 */
export async function readTraffic(
  tree: FileTree,
  sources: readonly string[],
  since: string | null,
): Promise<ClientOperation[]> {
  const found: ClientOperation[] = [];
  for (const source of sources)
    for (const { name, value, line } of await readSource(tree, source)) found.push(...read(value, name, line, since));
  return found;
}

interface Read {
  /** Where it stands. */
  readonly name: string;
  readonly line: number;
  readonly value: unknown;
}

async function readSource(tree: FileTree, source: string): Promise<Read[]> {
  if (isRedis(source)) {
    const values = await readRedisTraffic(source);
    return values.map((value, index) => ({ name: withoutPassword(source), line: index + 1, value }));
  }
  const files = tree.list(source, ENDINGS);
  // A folder where nothing has been recorded yet is there all the same; what is not there was meant to be.
  if (files.length === 0 && !tree.isFolder(source)) throw new CheckError(`There is no file ${source}.`);
  return files.flatMap((file) =>
    readRecords(readOrThrow(tree, file), file).map((record) => ({ name: file, ...record })),
  );
}

function read(value: unknown, name: string, line: number, since: string | null): ClientOperation[] {
  const record = recordSchema.safeParse(value);
  if (!record.success) throw new CheckError(`${name}:${line} is no operation: ${z.prettifyError(record.error)}`);
  const { client = UNKNOWN, version, operation, operationName, firstSeen, lastSeen, count } = record.data;
  if (since !== null && lastSeen !== undefined && lastSeen < since) return [];
  return splitDocument(parseOrThrow(operation, `${name}:${line}`))
    .filter((each) => operationName === undefined || operationName === each.name)
    .map((each) => ({
      ...each,
      client: version === undefined ? client : `${client} ${version}`,
      place: { file: name, line, column: 1 },
      isFile: false,
      isRegistered: false,
      ...(firstSeen !== undefined && { firstSeen }),
      ...(lastSeen !== undefined && { lastSeen }),
      ...(count !== undefined && { count }),
    }));
}

function readRecords(text: string, file: string): Array<{ readonly value: unknown; readonly line: number }> {
  if (text.trimStart().startsWith('[')) {
    const values = readJson(text, file);
    if (!Array.isArray(values)) throw new CheckError(`${file} is no array.`);
    // Records of an array are told apart by the line in which each begins, as far as they are written one below the other.
    const lines = text.split('\n').flatMap((each, index) => (/^\s*\[?\s*\{/.test(each) ? [index + 1] : []));
    return values.map((value: unknown, index) => ({ value, line: lines[index] ?? 1 }));
  }
  return text
    .split('\n')
    .flatMap((each, index) =>
      each.trim() === '' ? [] : [{ value: readJson(each, `${file}:${index + 1}`), line: index + 1 }],
    );
}
