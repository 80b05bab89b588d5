import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { walkFiles } from './walk-files.js';

describe('walking the files below a folder', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'taskgraph-walk-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function add(...names: string[]): Promise<void> {
    for (const name of names) {
      await mkdir(path.dirname(path.join(root, name)), { recursive: true });
      await writeFile(path.join(root, name), '');
    }
  }

  async function list(): Promise<string[]> {
    const found: string[] = [];
    for await (const file of walkFiles(root)) found.push(path.relative(root, file));
    return found.sort();
  }

  it('finds them at every depth, and neither folders nor links', async () => {
    await add('a', 'b/c', 'b/d/e/f');
    await mkdir(path.join(root, 'empty'));
    await symlink(path.join(root, 'b'), path.join(root, 'link'));
    expect(await list()).toEqual(['a', 'b/c', 'b/d/e/f']);
  });

  it('goes on where a folder vanishes before it is read', async () => {
    await add('first', 'gone/x', 'gone/y', 'stays/z');
    const found: string[] = [];
    for await (const file of walkFiles(root)) {
      found.push(path.relative(root, file));
      await rm(path.join(root, 'gone'), { recursive: true, force: true });
    }
    expect(found.sort()).toEqual(['first', 'stays/z']);
  });

  it('fails where the root is missing', async () => {
    await rm(root, { recursive: true });
    await expect(list()).rejects.toThrow('ENOENT');
  });
});
