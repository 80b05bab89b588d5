import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const KEEP_FILE = fileURLToPath(new URL('keep-file.mjs', import.meta.url));
const MAX_KIB = 100;

/** What is left of a file that is kept by a process that may write no more than MAX_KIB into one. */
async function keep(bytes: number): Promise<string> {
  const command = [`ulimit -f ${MAX_KIB} && exec "$0" "$@"`, process.execPath, KEEP_FILE, String(bytes)];
  const { stdout } = await promisify(execFile)('bash', ['-c', ...command], {
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'] },
  });
  return stdout;
}

it('refuses a file of which only a part fits on the disk, be it by a byte', async () => {
  const fits = MAX_KIB * 1024;
  expect(await keep(fits)).toBe(String(fits));
  expect(await keep(fits + 1)).toBe('UNAVAILABLE STORAGE_UNAVAILABLE 0');
  expect(await keep(3 * fits)).toBe('UNAVAILABLE STORAGE_UNAVAILABLE 0');
});
