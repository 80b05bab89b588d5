import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder, walkFiles } from '@taskgraph/service-kit';
import { assertKey, assertPrefix, inStore, StorageError, type ObjectStore } from './object-store.js';

/** How the name of a file ends that is no object yet. */
const UNFINISHED = '.part';

/**
 * Keeps objects as files below a folder, which it makes. An object appears by a rename, so nobody ever reads half of one; the file and
 * the folders that name it are synced before that is acknowledged. A folder that is removed meanwhile is not made again: what was in
 * it is lost, and the check says so.
 *
 * @throws when the folder cannot be made
 */
export async function openLocalDiskStore(root: string): Promise<ObjectStore> {
  await makeFolder(root);

  function pathOf(key: string): string {
    assertKey(key);
    return path.join(root, ...key.split('/'));
  }

  async function makeFolderOf(target: string): Promise<string> {
    await access(root, constants.W_OK);
    const folder = path.dirname(target);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  async function write(key: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const target = pathOf(key);
    await inStore(async () => {
      const folder = await makeFolderOf(target);
      // Beside it, so that what a crash leaves is deleted with everything else of its prefix.
      const temporary = path.join(folder, `.${randomUUID()}${UNFINISHED}`);
      try {
        await writeSynced(temporary, chunks);
        await rename(temporary, target);
        await syncFolders(folder, root);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  return {
    async putFile(key, localPath) {
      const target = pathOf(key);
      await inStore(async () => {
        await syncFile(localPath);
        const folder = await makeFolderOf(target);
        await rename(localPath, target);
        await syncFolders(folder, root);
      });
    },
    put: (key, bytes) => write(key, [bytes]),
    putStream: write,
    async openRead(key, range) {
      const file = pathOf(key);
      return inStore(() =>
        orMissing(async () => {
          const handle = await open(file, 'r');
          if (!(await handle.stat()).isFile()) {
            await handle.close();
            return null;
          }
          return handle.createReadStream(range ? { start: range.start, end: range.end } : {});
        }),
      );
    },
    async stat(key) {
      const file = pathOf(key);
      return inStore(() =>
        orMissing(async () => {
          const found = await stat(file);
          return found.isFile() ? { byteSize: found.size } : null;
        }),
      );
    },
    signUrl: () => Promise.resolve(null),
    async deleteAll(prefix) {
      assertPrefix(prefix);
      const folder = path.join(root, ...prefix.split('/'));
      await inStore(() => orMissing(() => rm(folder, { recursive: true, force: true })));
    },
    async *list() {
      for await (const file of filesIn(root)) {
        if (file.endsWith(UNFINISHED)) continue;
        const found = await inStore(() => orMissing(() => stat(file)));
        if (found) yield { key: path.relative(root, file).split(path.sep).join('/'), writtenAt: found.mtime };
      }
    },
    async sweepUnfinished(before) {
      let count = 0;
      for await (const file of filesIn(root)) {
        if (!file.endsWith(UNFINISHED)) continue;
        const found = await orMissing(() => stat(file));
        if (!found || found.mtime >= before) continue;
        await rm(file, { force: true });
        // Of an object that never was, nothing else is there.
        const folder = path.dirname(file);
        if (folder !== root) await rmdir(folder).catch(() => undefined);
        count += 1;
      }
      return count;
    },
    check: () =>
      inStore(async () => {
        if (!(await stat(root)).isDirectory()) throw new Error(`${root} is no folder`);
        await access(root, constants.W_OK | constants.R_OK);
      }),
  };
}

async function* filesIn(root: string): AsyncGenerator<string> {
  try {
    yield* walkFiles(root);
  } catch (error) {
    throw new StorageError(error);
  }
}

async function writeSynced(file: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for await (const chunk of chunks) await handle.writeFile(chunk);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Of a folder too: a file's name is kept in it (fsync(2)). */
async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Syncs a folder and those above it, any of which may be new. */
async function syncFolders(folder: string, root: string): Promise<void> {
  for (let current = folder; current.startsWith(root); current = path.dirname(current)) await syncFile(current);
}

async function orMissing<Result>(work: () => Promise<Result>): Promise<Result | null> {
  try {
    return await work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
