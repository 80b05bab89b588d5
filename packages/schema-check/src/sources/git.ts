import { execFileSync } from 'node:child_process';

const MAX_BYTES = 64 * 2 ** 20;

/** Runs git in a folder, and returns what it prints. @throws where it fails, or is not there */
export function git(cwd: string, parameters: readonly string[], input = ''): string {
  return execFileSync('git', parameters, {
    cwd,
    input,
    encoding: 'utf8',
    maxBuffer: MAX_BYTES,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

/** The commit that a branch, tag or hash means here; null where git knows none, or there is no git. */
export function findCommit(root: string, ref: string): string | null {
  // Whatever begins with a dash would be an option.
  if (ref.startsWith('-')) return null;
  return ask(root, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
}

/** The author of commits here, by the settings of git; null where there are none. */
export function findAuthor(root: string): string | null {
  return ask(root, ['config', 'user.email']);
}

/** The folder of the whole repository; null where there is none. */
export function findTopLevel(root: string): string | null {
  return ask(root, ['rev-parse', '--show-toplevel']);
}

function ask(root: string, parameters: readonly string[]): string | null {
  try {
    return git(root, parameters).trim() || null;
  } catch {
    return null;
  }
}
