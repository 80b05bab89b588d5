// Run as a process: makes the versions of photographs with nothing around it, no queue, no store, no limits, no other process.
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(import.meta.url);
const MAX_PIXELS = 1e9;

/** @returns the seconds that so many at once need for all of them, in a process of their own that has warmed up */
export async function runBare(photographs, concurrency) {
  const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-bench-'));
  try {
    photographs.forEach((content, index) => writeFileSync(path.join(folder, `${index}.jpg`), content));
    const child = fork(entry, [folder, String(photographs.length), String(concurrency)]);
    const ended = new Promise((resolve) => child.once('close', resolve));
    const seconds = await Promise.race([
      new Promise((resolve) => child.once('message', resolve)),
      ended.then(() => NaN),
    ]);
    await ended;
    if (Number.isNaN(seconds)) throw new Error('bare sharp ended without an answer');
    return seconds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === entry) {
  const [folder, count, concurrency] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  const { processImage } = await import('../../subgraphs/media/dist/modules/processing/process-image.js');
  const make = async (index, name) => {
    const versions = path.join(folder, name);
    mkdirSync(versions);
    const file = path.join(folder, `${index}.jpg`);
    const outcome = await processImage({ path: file, mimeType: 'image/jpeg', folder: versions, maxPixels: MAX_PIXELS });
    if (outcome.kind !== 'processed') throw new Error(JSON.stringify(outcome));
  };
  await make(0, 'warm');
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < count) await make(next, String(next++));
    }),
  );
  process.send((performance.now() - startedAt) / 1000, () => process.disconnect());
}
