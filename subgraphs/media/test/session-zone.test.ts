import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { buildViewer, cloneDatabase, smallPng, expectData, preferForeignSessions } from '@taskgraph/testkit';
import { startMediaGraph } from './media-graph.js';

describe('a database of another zone', () => {
  it('keeps the times of media and of their files', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-zone-'));
    await using database = await cloneDatabase('media');
    await preferForeignSessions(database);
    try {
      await using graph = await startMediaGraph({}, { database, dataDir });
      const ada = buildViewer();
      const before = Date.now();
      const id = await graph.addMedia(ada, await smallPng());
      const after = Date.now();
      const { media } = expectData(
        await graph.run(ada, 'query($id: ID!) { media(id: $id) { createdAt url } }', { id }),
      );
      expect(Date.parse(media.createdAt)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(media.createdAt)).toBeLessThanOrEqual(after);
      const modified = Date.parse((await fetch(media.url, { method: 'HEAD' })).headers.get('last-modified') ?? '');
      expect(modified).toBe(Math.floor(Date.parse(media.createdAt) / 1000) * 1000);
      const { rows } = await graph.pool.query(
        'SELECT extract(epoch FROM created_at)::float8 * 1000 AS created FROM media_items',
      );
      expect(rows).toEqual([{ created: Date.parse(media.createdAt) }]);
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
