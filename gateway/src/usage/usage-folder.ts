import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, type Log } from '@taskgraph/service-kit';
import { z } from 'zod';
import { createUsageTable, type UsageTable } from './usage-table.js';
import { recordId, type UsageBounds, type UsageRecord, type UsageStore } from './usage-record.js';
import { idOfText } from './normal-operation.js';

interface UsageFolderOptions extends UsageBounds {
  readonly folder: string;
  readonly log: Log;
}

/** Whose file it is: the last process that has named it, which takes one over by that; what is `new` was not finished. */
const FILE = /^usage-(\d+)\.ndjson(?:\.(\d+)|\.(new))?$/;

const recordSchema = z.object({
  client: z.string(),
  version: z.string().optional(),
  operationName: z.string().optional(),
  operation: z.string(),
  count: z.number(),
  firstSeen: z.string(),
  lastSeen: z.string(),
});

/**
 * Keeps usage in a folder of this machine: one file for each process that runs, since two cannot write one. What processes have left
 * behind that are gone is taken over.
 *
 * @throws where the folder cannot be used
 */
export async function createUsageFolder({ folder, log, ...bounds }: UsageFolderOptions): Promise<UsageStore> {
  await makeFolder(folder);
  const table = createUsageTable(bounds);
  const own = path.join(folder, `usage-${process.pid}.ndjson`);
  const taken: string[] = [];
  for (const name of await readdir(folder)) {
    const [found, writer, taker, unfinished] = FILE.exec(name) ?? [];
    const pid = Number(taker ?? writer);
    if (found === undefined || (pid !== process.pid && isRunning(pid))) continue;
    const from = path.join(folder, name);
    const to = path.join(folder, `usage-${writer}.ndjson.${process.pid}`);
    if (unfinished !== undefined) await rm(from, { force: true });
    else if (await take(from, to)) {
      taken.push(to);
      await readInto(table, to, log);
    }
  }
  // What was taken over is kept until it stands in a file of this process: one that dies in between loses nothing.
  await write(own, table);
  for (const file of taken) await rm(file);

  return {
    async add(counts, now) {
      const lost = table.add(counts, now);
      await write(own, table).catch((error: unknown) => {
        // They are in the table, and are written with the next.
        log.warn({ err: error, folder }, 'usage cannot be written');
      });
      return lost;
    },
    async close() {
      await write(own, table);
    },
  };
}

/** Of several processes that start at once, the one that can rename it has it. */
async function take(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function readInto(table: UsageTable, file: string, log: Log): Promise<void> {
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    if (line === '') continue;
    const record = readRecord(line);
    if (record) table.restore(idOf(record), record);
    else log.warn({ file }, 'a line is no record of usage, and left out');
  }
}

function readRecord(line: string): UsageRecord | null {
  try {
    const { version, operationName, ...facts } = recordSchema.parse(JSON.parse(line));
    return {
      ...facts,
      ...(version !== undefined && { version }),
      ...(operationName !== undefined && { operationName }),
    };
  } catch {
    return null;
  }
}

function idOf({ client, version, operationName, operation: text }: UsageRecord): string {
  const operation = { id: idOfText(text), name: operationName ?? null, text };
  return recordId({ client, version: version ?? null, operation });
}

/** Readers never see half of it. */
async function write(file: string, table: UsageTable): Promise<void> {
  const unfinished = `${file}.new`;
  await writeFile(unfinished, piecesOf(table.records()), { mode: 0o600 });
  await rename(unfinished, file);
}

/** As much as is turned into text while requests wait. */
const PIECE_LENGTH = 65_536;

function* piecesOf(records: readonly UsageRecord[]): Generator<string> {
  let piece = '';
  for (const record of records) {
    piece += `${JSON.stringify(record)}\n`;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
