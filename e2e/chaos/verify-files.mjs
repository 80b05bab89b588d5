import { createHash } from 'node:crypto';
import { withClient } from '@taskgraph/databases';

const ORIGINAL = 'original';

/** Compares uploads that were acknowledged with the items and files that there are. Returns what does not hold. */
export async function verifyFiles(database, uploads, store) {
  const faults = [];
  const items = await withClient(database.url, async (client) => {
    const { rows } = await client.query('SELECT id, status, has_full, thumbnails FROM media_items');
    return new Map(rows.map((row) => [row.id, row]));
  });
  for (const { id, sha256 } of uploads) {
    if (items.get(id)?.status !== 'READY')
      faults.push(`the acknowledged upload ${id} is ${items.get(id)?.status ?? 'gone'}`);
    const stored = await hashOf(store, `${id}/${ORIGINAL}`);
    if (stored !== sha256)
      faults.push(`the file of the acknowledged upload ${id} is ${stored === null ? 'gone' : 'another one'}`);
  }
  const files = new Map();
  for await (const { key } of store.list()) {
    const [id, file] = key.split('/');
    files.set(id, [...(files.get(id) ?? []), file]);
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
    const found = (files.get(id) ?? []).sort();
    if (JSON.stringify(found) !== JSON.stringify(wanted))
      faults.push(`the item ${id} has the files ${found.join(', ')}`);
  }
  // An upload that was cut off leaves its file, which is swept when it is an hour old.
  for (const [id, found] of files)
    if (!items.has(id) && found.some((file) => file !== ORIGINAL))
      faults.push(`${id} among the files belongs to no item`);
  return faults;
}

async function hashOf(store, key) {
  const stream = await store.openRead(key);
  if (stream === null) return null;
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

/** Whether nothing is being processed. */
export async function isProcessed(database) {
  const { rowCount } = await withClient(database.url, (client) =>
    client.query(`SELECT 1 FROM media_items WHERE status = 'PROCESSING' LIMIT 1`),
  );
  return rowCount === 0;
}
