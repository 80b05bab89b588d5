import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { makeFolder } from './make-folder.js';

describe('a folder', () => {
  it('is made with those above it for this user alone, once or several times at once', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-folder-'));
    try {
      const folder = path.join(parent, 'a/b/c');
      await Promise.all([makeFolder(folder), makeFolder(folder), makeFolder(path.join(parent, 'a/b'))]);
      expect(existsSync(folder)).toBe(true);
      const modeOf = async (name: string) => (await stat(path.join(parent, name))).mode & 0o777;
      for (const name of ['a', 'a/b', 'a/b/c']) expect([name, await modeOf(name)]).toEqual([name, 0o700]);
      await makeFolder(path.join(parent, 'open'), 0o711);
      expect(await modeOf('open')).toBe(0o711);
      await writeFile(path.join(parent, 'file'), '');
      await expect(makeFolder(path.join(parent, 'file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
      await expect(makeFolder(path.join(parent, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  });

  (existsSync('/proc/self') ? it : it.skip)('is refused where the file system takes none', async () => {
    await expect(makeFolder('/proc/taskgraph/data')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
