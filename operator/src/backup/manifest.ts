import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { walkFiles } from '@taskgraph/service-kit';
import { z } from 'zod';
import { DATABASES } from '../config.js';
import { CommandError } from '../terminal.js';

const MANIFEST = 'manifest.json';
const MANIFEST_HASH = 'manifest.sha256';

const tableSchema = z.object({
  name: z.string(),
  columns: z.array(z.string()),
  rows: z.number().int().nonnegative(),
  file: z.string(),
});
const databaseSchema = z.object({
  migrations: z.array(z.object({ name: z.string(), checksum: z.string() })),
  /** Those that others refer to first. */
  tables: z.array(tableSchema),
  sequences: z.record(z.string(), z.string()),
});
const manifestSchema = z.object({
  format: z.literal('taskgraph-backup'),
  version: z.literal(1),
  /** The one instant whose state all of it is. */
  takenAt: z.iso.datetime(),
  databases: z.object(Object.fromEntries(DATABASES.map((name) => [name, databaseSchema]))) as unknown as z.ZodType<
    Record<(typeof DATABASES)[number], z.output<typeof databaseSchema>>
  >,
  /** Items that were deleted while their files were copied: they are not in it. */
  leftOut: z.array(z.string()),
  /** Every file but the manifest, by its path. */
  files: z.record(z.string(), z.object({ sha256: z.string(), bytes: z.number().int().nonnegative() })),
});

/** What a backup holds, and how to tell that it is whole. */
export type Manifest = z.output<typeof manifestSchema>;
export type DatabaseContent = z.output<typeof databaseSchema>;

/** Writes the manifest, last of all. Returns its hash, by which a backup that was changed as a whole is known. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<string> {
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  const hash = createHash('sha256').update(text).digest('hex');
  await writeFile(path.join(folder, MANIFEST), text, { mode: 0o600 });
  await writeFile(path.join(folder, MANIFEST_HASH), `${hash}\n`, { mode: 0o600 });
  return hash;
}

/**
 * Reads a backup to its end and compares it with its manifest.
 *
 * @throws CommandError naming what is missing, changed or too much
 */
export async function verifyBackup(folder: string, expected?: string): Promise<Manifest> {
  const text = await readFile(path.join(folder, MANIFEST), 'utf8').catch(() => null);
  if (text === null) throw refused(folder, [`there is no ${MANIFEST}: it is none, or was never finished`]);
  const hash = createHash('sha256').update(text).digest('hex');
  const written = (await readFile(path.join(folder, MANIFEST_HASH), 'utf8').catch(() => '')).trim();
  if (hash !== written) throw refused(folder, [`${MANIFEST} is not what was written`]);
  if (expected !== undefined && hash !== expected) throw refused(folder, [`its hash is ${hash} and not ${expected}`]);
  const parsed = manifestSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw refused(folder, [`${MANIFEST} is of another version`]);
  const manifest = parsed.data;
  const faults: string[] = [];
  const found = new Set(await listFiles(folder));
  for (const [file, { sha256, bytes }] of Object.entries(manifest.files)) {
    if (!found.delete(file)) faults.push(`${file} is missing`);
    else {
      const actual = await hashFile(path.join(folder, file));
      if (actual.sha256 !== sha256 || actual.bytes !== bytes) faults.push(`${file} is not what was written`);
    }
  }
  for (const file of found)
    if (file !== MANIFEST && file !== MANIFEST_HASH) faults.push(`${file} does not belong to it`);
  if (faults.length > 0) throw refused(folder, faults);
  return manifest;
}

const TOLD = 10;

function refused(folder: string, faults: readonly string[]): CommandError {
  const more = faults.length > TOLD ? [`and ${faults.length - TOLD} more`] : [];
  const list = [...faults.slice(0, TOLD), ...more].map((fault) => `\n  ${fault}`).join('');
  return new CommandError(`The backup in ${folder} cannot be used:${list}`, 'Nothing was changed. Take another one.');
}

/** Relative to the folder, with `/`. */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const file of walkFiles(folder)) files.push(path.relative(folder, file).split(path.sep).join('/'));
  return files;
}

export async function hashFile(file: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { sha256: hash.digest('hex'), bytes };
}
