import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, type Log } from '@taskgraph/service-kit';
import { z } from 'zod';
import { createUsageTable, type UsageTable } from './usage-table.js';
import { recordId, type UsageBounds, type UsageRecord, type UsageStore } from './usage-record.js';
import { idOfText } from './normal-operation.js';

export interface UsageFolderOptions extends UsageBounds {
  readonly folder: string;
  readonly log: Log;
}

const FILE = /^usage-(\d+)\.ndjson$/;

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
  for (const name of await readdir(folder)) {
    const pid = Number(FILE.exec(name)?.[1] ?? NaN);
    if (Number.isNaN(pid) || (pid !== process.pid && isRunning(pid))) continue;
    await takeOver(path.join(folder, name), table, log);
  }
  await write(own, table);

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
async function takeOver(file: string, table: UsageTable, log: Log): Promise<void> {
  const taken = `${file}.${process.pid}`;
  try {
    await rename(file, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const line of (await readFile(taken, 'utf8')).split('\n')) {
    if (line === '') continue;
    const record = readRecord(line);
    if (record) table.restore(idOf(record), record);
    else log.warn({ file }, 'a line is no record of usage, and left out');
  }
  await rm(taken);
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
  await writeFile(
    unfinished,
    table
      .records()
      .map((record) => `${JSON.stringify(record)}\n`)
      .join(''),
    { mode: 0o600 },
  );
  await rename(unfinished, file);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
