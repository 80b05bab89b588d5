import { escape, format, linePlot } from './plots.mjs';

const COLUMNS = [
  ['operation', (row) => row.kind],
  ['requests', (row) => row.requests],
  ['per second', (row) => format(row.perSecond)],
  ['failed', (row) => row.failed],
  ['p50 ms', (row) => format(row.p50)],
  ['p90 ms', (row) => format(row.p90)],
  ['p99 ms', (row) => format(row.p99)],
  ['max ms', (row) => format(row.max)],
];

/** Lines of a table for the terminal. */
export function tableLines(rows) {
  const cells = [COLUMNS.map(([title]) => title), ...rows.map((row) => COLUMNS.map(([, cell]) => String(cell(row))))];
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  return cells.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  '),
  );
}

const PROCESSES = ['gateway', 'auth', 'task', 'media'];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A table for a page of documentation: a line for each scenario, with what each process needed of CPU, in % of one core, and memory. */
export function markdownLines(results) {
  const titles = ['scenario', 'a second', 'failed', 'p50', 'p99', 'events, p99', ...PROCESSES];
  const lines = results.map(({ scenario, rows, events, processes }) => {
    const all = rows.at(-1);
    const ms = (value) => (value === null ? '' : `${format(value)} ms`);
    const ofProcess = (name) => {
      const points = processes[name] ?? [];
      if (points.length === 0) return '';
      const most = Math.max(...points.map(({ rssMib }) => rssMib));
      return `${Math.round(mean(points.map(({ cpuPercent }) => cpuPercent)))} %, ${Math.round(most)} MiB`;
    };
    return [
      `\`${scenario}\``,
      format(all.perSecond),
      `${all.failed} of ${all.requests}`,
      ms(all.p50),
      ms(all.p99),
      events.subscribers === 0 ? '' : ms(events.p99),
      ...PROCESSES.map(ofProcess),
    ];
  });
  return [titles, titles.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

/** One page with everything in it: no script, nothing from elsewhere. */
export function toHtml(result) {
  const { scenario, about, rate, seconds, startedAt, rows, timeline, events, processes, machine } = result;
  const series = (key) => timeline.map((point) => [point.second + 0.5, point[key]]);
  const processLines = (key) =>
    Object.entries(processes).map(([name, points]) => ({
      name,
      points: points.map((point) => [point.second, point[key]]),
    }));
  const failures = rows.flatMap(({ kind, failures: counts }) =>
    kind === 'all' ? [] : Object.entries(counts).map(([code, count]) => [kind, code, count]),
  );
  const table = (titles, lines) =>
    `<table><thead><tr>${titles.map((title) => `<th>${escape(title)}</th>`).join('')}</tr></thead><tbody>${lines
      .map((line) => `<tr>${line.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`)
      .join('')}</tbody></table>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Load: ${escape(scenario)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem;color:#0f172a;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}small,figcaption{color:#475569}figure{margin:1rem 0}
table{border-collapse:collapse;width:100%}th,td{padding:.25rem .5rem;text-align:right;border-bottom:1px solid #e2e8f0}th:first-child,td:first-child{text-align:left}
figcaption span{margin-left:.75rem}figcaption i{display:inline-block;width:.75em;height:.75em;margin-right:.3em;border-radius:2px}
.grid{stroke:#e2e8f0}.axis{font-size:11px;fill:#64748b}
</style>
<h1>Load: ${escape(scenario)}</h1>
<p>${escape(about)}. ${format(rate)} requests a second for ${format(seconds)} s, from ${escape(startedAt)}; ${escape(machine)}.
A latency counts from when its request was to be sent.</p>
<h2 id="operations">Operations</h2>
${table(
  COLUMNS.map(([title]) => title),
  rows.map((row) => COLUMNS.map(([, cell]) => cell(row))),
)}
<h2 id="failures">Failures</h2>
${failures.length === 0 ? '<p>None.</p>' : table(['operation', 'code', 'count'], failures)}
<h2 id="latency">Latency over time</h2>
${linePlot({ title: 'Latency', unit: 'ms', seconds, lines: ['p50', 'p90', 'p99'].map((key) => ({ name: key, points: series(key) })) })}
<h2 id="throughput">Requests over time</h2>
${linePlot({
  title: 'Requests',
  unit: 'per second',
  seconds,
  lines: [
    { name: 'answered or failed', points: series('requests') },
    { name: 'failed', points: series('failed') },
  ],
})}
<h2 id="events">Subscriptions</h2>
${
  events.subscribers === 0
    ? '<p>None in this scenario.</p>'
    : table(
        ['subscribers', 'events seen', 'failed', 'p50 ms', 'p99 ms'],
        [[events.subscribers, events.seen, events.failed, format(events.p50), format(events.p99)]],
      )
}
<h2 id="cpu">CPU of each process</h2>
${linePlot({ title: 'CPU', unit: '% of one core', seconds, lines: processLines('cpuPercent') })}
<h2 id="memory">Memory of each process</h2>
${linePlot({ title: 'Resident memory', unit: 'MiB', seconds, lines: processLines('rssMib') })}
</html>
`;
}
