import type { FinishedSpan } from '@taskgraph/service-kit';
import { describeTrace, inWaterfall, type Trace } from './trace-store.js';

/** What of the traces is shown. */
export interface TraceFilter {
  /** In the name of the operation, a span or the trace's id. */
  readonly text: string;
  readonly minMs: number;
  readonly errorsOnly: boolean;
}

const COLOURS: Readonly<Record<string, string>> = {
  gateway: '#4c6ef5',
  auth: '#e8590c',
  task: '#2b8a3e',
  media: '#9c36b5',
};
const STYLE = `
  body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; background: #fff; }
  table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; }
  td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
  .error { color: #c92a2a; } form { margin: 1rem 0; } form > * { margin-right: .8rem; } svg { width: 100%; height: auto; }
  svg text { font: 12px system-ui, sans-serif; } code { font-size: 12px; } a { color: #364fc7; }`;

/** Filters traces, of which each has at least one span. */
export function filterTraces(traces: readonly Trace[], { text, minMs, errorsOnly }: TraceFilter): readonly Trace[] {
  const wanted = text.trim().toLowerCase();
  return traces.filter((trace) => {
    const { name, durationMs, hasErrors } = describeTrace(trace);
    if (durationMs < minMs || (errorsOnly && !hasErrors)) return false;
    if (wanted === '') return true;
    return [name, trace.traceId, ...trace.spans.map((span) => span.name)].some((each) =>
      each.toLowerCase().includes(wanted),
    );
  });
}

/** The list of traces, the newest first. */
export function listPage(traces: readonly Trace[], filter: TraceFilter): string {
  const rows = filterTraces(traces, filter).map((trace) => {
    const { name, startMs, durationMs, services, hasErrors } = describeTrace(trace);
    return `<tr>
      <td>${escape(new Date(startMs).toISOString().slice(11, 23))}</td>
      <td><a href="/trace/${escape(trace.traceId)}">${escape(name)}</a>${hasErrors ? ' <span class="error">with errors</span>' : ''}</td>
      <td class="number">${durationMs.toFixed(1)} ms</td>
      <td class="number">${trace.spans.length + trace.dropped}</td>
      <td>${services.map(escape).join(', ')}</td>
    </tr>`;
  });
  return page(
    'Traces',
    `<h1>Traces</h1>
    <form method="get" action="/">
      <input name="text" value="${escape(filter.text)}" placeholder="operation, span or id" aria-label="operation, span or id">
      <label>at least <input name="minMs" type="number" min="0" value="${filter.minMs}" size="6"> ms</label>
      <label><input name="errors" type="checkbox" value="1"${filter.errorsOnly ? ' checked' : ''}> with errors only</label>
      <button>Show</button>
    </form>
    ${rows.length === 0 ? '<p>Nothing yet: send a request to the gateway, and show this page again.</p>' : `<table><thead><tr><th>time (UTC)</th><th>request</th><th class="number">until the end</th><th class="number">spans</th><th>services</th></tr></thead><tbody>${rows.join('')}</tbody></table>`}`,
  );
}

const WIDTH = 1_200;
const LABELS = 420;
const ROW = 22;

/** One trace: what took how long, and when, in which service. */
export function tracePage(trace: Trace): string {
  const { name, startMs, durationMs } = describeTrace(trace);
  const rows = inWaterfall(trace);
  const scale = (WIDTH - LABELS - 90) / Math.max(durationMs, 0.001);
  const bars = rows.map(({ span, depth }, index) => {
    const x = LABELS + (span.startMs - startMs) * scale;
    const y = index * ROW;
    const width = Math.max(1, span.durationMs * scale);
    const label = `${span.service}: ${span.name}`;
    return `<g data-span="${escape(span.name)}"><title>${escape(titleOf(span))}</title>
      <text x="${Math.min(depth, 16) * 12}" y="${y + 15}"${span.error === null ? '' : ' fill="#c92a2a"'}>${escape(label)}</text>
      <rect x="${x.toFixed(2)}" y="${y + 4}" width="${width.toFixed(2)}" height="${ROW - 8}" rx="2" fill="${span.error === null ? (COLOURS[span.service] ?? '#495057') : '#c92a2a'}"/>
      <text x="${(x + width + 4).toFixed(2)}" y="${y + 15}" fill="#555">${span.durationMs.toFixed(1)} ms</text></g>`;
  });
  const details = rows.map(
    ({ span }) => `<tr><td>${escape(span.service)}</td><td>${escape(span.name)}</td>
      <td class="number">+${(span.startMs - startMs).toFixed(1)}</td><td class="number">${span.durationMs.toFixed(1)}</td>
      <td><code>${escape(attributesOf(span))}</code></td></tr>`,
  );
  return page(
    name,
    `<p><a href="/">All traces</a></p><h1>${escape(name)}</h1>
    <p>${escape(new Date(startMs).toISOString())}, ${durationMs.toFixed(1)} ms until the end of all that it has caused, trace <code>${escape(trace.traceId)}</code>${trace.dropped > 0 ? `, ${trace.dropped} more spans were not kept` : ''}</p>
    <svg viewBox="0 0 ${WIDTH} ${rows.length * ROW}" role="img" aria-label="waterfall">${bars.join('')}</svg>
    <details><summary>All spans</summary><table><thead><tr><th>service</th><th>span</th><th class="number">begins, ms</th><th class="number">takes, ms</th><th>attributes</th></tr></thead><tbody>${details.join('')}</tbody></table></details>`,
  );
}

/** For what is not kept, or never was. */
export function notFoundPage(): string {
  return page('No such trace', '<p>There is no such trace, or it is kept no longer. <a href="/">All traces</a></p>');
}

function titleOf(span: FinishedSpan): string {
  return [`${span.service}: ${span.name}`, `${span.durationMs.toFixed(2)} ms`, span.error, attributesOf(span)]
    .filter((part) => part !== null && part !== '')
    .join('\n');
}

function attributesOf({ attributes }: FinishedSpan): string {
  return Object.entries(attributes)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)} · Taskgraph</title><meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body>${body}</body></html>`;
}

/** Names of operations are what clients have written. */
function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
