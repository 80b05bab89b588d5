import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createImagePool, ImageProcessDied, type ImagePool } from '../src/modules/processing/image-pool.js';
import { readMediaConfig } from '../src/subgraph.js';
import { HOSTILE_FILES } from './hostile-files.js';

const { MEDIA_PROCESSING_MAX_MS, MEDIA_PROCESSING_MAX_MEMORY_BYTES, MEDIA_MAX_PIXELS } = readMediaConfig({
  MEDIA_DATABASE_URL: 'postgresql://media@127.0.0.1/media',
  MEDIA_URL_SECRET: randomBytes(32).toString('hex'),
  CLIENT_INFO_SECRET: randomBytes(32).toString('hex'),
});

/** What is dear to read costs what the settings allow, at most: its process, and nothing of what comes after it. */
describe('a file that is dear to read', () => {
  let pool: ImagePool;
  beforeAll(() => {
    pool = createImagePool({
      timeoutMs: MEDIA_PROCESSING_MAX_MS,
      maxMemoryBytes: MEDIA_PROCESSING_MAX_MEMORY_BYTES,
    });
  });
  afterAll(() => pool.close());

  it.each(HOSTILE_FILES)('with %s (%s)', async (_what, mimeType, make, expected) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-hostile-'));
    try {
      const file = path.join(folder, 'original');
      await writeFile(file, await make());
      const outcome = await pool
        .process({ path: file, mimeType, folder, maxPixels: MEDIA_MAX_PIXELS })
        .catch((error: unknown) => {
          if (error instanceof ImageProcessDied) return { kind: 'invalid' as const, reason: 'TOO_COMPLEX' as const };
          throw error;
        });
      const told =
        outcome.kind === 'invalid' ? outcome.reason : outcome.thumbnails.length > 0 ? 'READY' : 'WITHOUT_PICTURE';
      expect(told).toMatch(expected);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
