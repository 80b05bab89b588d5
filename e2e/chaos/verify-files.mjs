import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { withClient } from '@taskgraph/databases';

const ORIGINAL = 'original';

/** Compares uploads that were acknowledged with the items and files that there are. Returns what does not hold. */
export async function verifyFiles(database, uploads, folder) {
  const faults = [];
  const items = await withClient(database.url, async (client) => {
    const { rows } = await client.query('SELECT id, status, has_full, thumbnails FROM media_items');
    return new Map(rows.map((row) => [row.id, row]));
  });
  const objects = path.join(folder, 'objects');
  for (const { id, sha256 } of uploads) {
    if (items.get(id)?.status !== 'READY')
      faults.push(`the acknowledged upload ${id} is ${items.get(id)?.status ?? 'gone'}`);
    const stored = await readFile(path.join(objects, id, ORIGINAL)).catch(() => null);
    if (stored === null || createHash('sha256').update(stored).digest('hex') !== sha256)
      faults.push(`the file of the acknowledged upload ${id} is ${stored === null ? 'gone' : 'another one'}`);
  }
  for (const { id, status, has_full: hasFull, thumbnails } of items.values()) {
    if (status !== 'READY') {
      faults.push(`the item ${id} is still ${status}`);
      continue;
    }
    const smaller = thumbnails.flatMap(({ size, avifByteSize }) =>
      (avifByteSize === undefined ? ['webp'] : ['webp', 'avif']).map((format) => `${size.toLowerCase()}.${format}`),
    );
    const wanted = [ORIGINAL, ...(hasFull ? ['full.webp'] : []), ...smaller].sort();
    const found = (await readdir(path.join(objects, id)).catch(() => [])).sort();
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      faults.push(`the item ${id} has the files ${found.join(', ')}`);
  }
  for (const name of await readdir(objects)) {
    // An upload that was cut off leaves its file, or a part of it, which is swept when it is an hour old.
    const isCutOff = (file) => file === ORIGINAL || file.endsWith('.part');
    if (!items.has(name) && !(await readdir(path.join(objects, name))).every(isCutOff))
      faults.push(`${name} among the files belongs to no item`);
  }
  return faults;
}

/** Whether nothing is being processed. */
export async function isProcessed(database) {
  const { rowCount } = await withClient(database.url, (client) =>
    client.query(`SELECT 1 FROM media_items WHERE status = 'PROCESSING' LIMIT 1`),
  );
  return rowCount === 0;
}
