import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '@taskgraph/service-kit';
import type { ObjectStore } from './object-store.js';

const KEY_PATTERN = /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/;
const PREFIX_PATTERN = /^([a-z0-9][a-z0-9.-]*\/)+$/;

/**
 * Keeps objects as files below a folder, which it makes. An object appears by a rename, so nobody ever reads half of one. A folder that
 * is removed meanwhile is not made again: what was in it is lost, and the check says so.
 *
 * @throws when the folder cannot be made
 */
export async function openLocalDiskStore(root: string): Promise<ObjectStore> {
  await makeFolder(root);

  /** @throws on a key that could lead out of the folder: a defect of the caller */
  function pathOf(key: string): string {
    if (!KEY_PATTERN.test(key)) throw new Error(`not a key: ${key}`);
    return path.join(root, ...key.split('/'));
  }

  async function place(key: string, localPath: string): Promise<void> {
    const target = pathOf(key);
    await access(root, constants.W_OK);
    await mkdir(path.dirname(target), { recursive: true });
    await rename(localPath, target);
  }

  return {
    putFile: place,
    async put(key, bytes) {
      const temporary = path.join(root, `.${randomUUID()}.part`);
      try {
        await writeFile(temporary, bytes, { flag: 'wx' });
        await place(key, temporary);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async openRead(key, range) {
      try {
        const file = await open(pathOf(key), 'r');
        return file.createReadStream(range ? { start: range.start, end: range.end } : {});
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async stat(key) {
      try {
        return { byteSize: (await stat(pathOf(key))).size };
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async deleteAll(prefix) {
      if (!PREFIX_PATTERN.test(prefix)) throw new Error(`not a prefix: ${prefix}`);
      try {
        await rm(path.join(root, ...prefix.split('/')), { recursive: true, force: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
    async check() {
      if (!(await stat(root)).isDirectory()) throw new Error(`${root} is no folder`);
      await access(root, constants.W_OK | constants.R_OK);
    },
  };
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
