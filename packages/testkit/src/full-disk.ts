import { spawnSync } from 'node:child_process';

/** Whether this machine can do it: `prlimit` is a part of util-linux. Tests that need it are skipped without it, which fails in CI. */
export function canFillDisks(): boolean {
  return spawnSync('prlimit', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Lets a process that runs write no file beyond so many bytes; null for as many as before.
 *
 * It is what a full disk does to a process, without the rights that filling one takes: a `write` that meets the limit is short, and the
 * next one fails (RLIMIT_FSIZE, getrlimit(2); Node ignores SIGXFSZ). The error is EFBIG and not ENOSPC.
 *
 * @throws when the process is gone
 */
export function limitFiles(pid: number, maxBytes: number | null): void {
  // The soft limit only: the hard one could not be raised again.
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${maxBytes ?? 'unlimited'}:`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`prlimit failed: ${stderr}`);
}
