import { readFileSync } from 'node:fs';

/** The clock ticks of /proc (proc(5)); the same on every Linux of today. */
const TICKS_PER_SECOND = 100;
const PAGE_KIB = 4;
const EVERY_MS = 500;

/**
 * Looks at the CPU time and memory of processes until it is stopped. Where there is no /proc, nothing is seen.
 *
 * @param {() => Record<string, number>} pids by name; asked each time, since a process may be another after a restart
 */
export function watchProcesses(pids) {
  const startedAt = performance.now();
  const series = {};
  const last = {};
  const look = () => {
    for (const [name, pid] of Object.entries(pids())) {
      const seen = readProcess(pid);
      if (seen === null) continue;
      const now = performance.now();
      const before = last[name];
      last[name] = { pid, now, ticks: seen.ticks };
      if (before?.pid !== pid) continue;
      (series[name] ??= []).push({
        second: (now - startedAt) / 1_000,
        cpuPercent: (100 * (seen.ticks - before.ticks)) / TICKS_PER_SECOND / ((now - before.now) / 1_000),
        rssMib: seen.rssMib,
      });
    }
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return () => {
    clearInterval(timer);
    look();
    return series;
  };
}

function readProcess(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { ticks: Number(fields[11]) + Number(fields[12]), rssMib: (Number(fields[21]) * PAGE_KIB) / 1_024 };
  } catch {
    return null;
  }
}
