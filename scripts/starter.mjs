import { readFileSync } from 'node:fs';

/** How soon an end of npm is noticed. */
const LOOK_EVERY_MS = 500;
const SHELLS = new Set(['sh', 'dash', 'bash', 'ash', 'busybox']);

/**
 * Calls back when npm, which has started this process, is gone: on SIGTERM it ends without a word to what it runs, and on SIGKILL it
 * cannot say one. What was started without npm goes on without its starter, as with nohup.
 *
 * @param {() => void} stop
 */
export function whenStarterIsGone(stop) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  // npm runs scripts in a shell, which stays behind like this process.
  const shell = readStatus(parent);
  const npm = shell !== null && SHELLS.has(shell.name) ? shell.parent : null;
  const look = setInterval(() => {
    if (process.ppid === parent && (npm === null || readStatus(parent)?.parent === npm)) return;
    clearInterval(look);
    stop();
  }, LOOK_EVERY_MS);
  look.unref();
}

/** What a process is called, and whose child it is; null where the system has no /proc, or no such process (proc(5)). */
function readStatus(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = text.lastIndexOf(')');
    return { name: text.slice(text.indexOf('(') + 1, end), parent: Number(text.slice(end + 2).split(' ')[1]) };
  } catch {
    return null;
  }
}
