import { setTimeout as delay } from 'node:timers/promises';
import { spawnGraph } from '@taskgraph/testkit';
import { describe, expect, it } from '@jest/globals';
import { runLoad } from './load.mjs';
import { markdownLines, tableLines, toHtml } from './report.mjs';

const SECONDS = 5;
const RATE = 10;
const SECTIONS = ['operations', 'failures', 'latency', 'throughput', 'events', 'cpu', 'memory'];

describe('npm run test:load', () => {
  it('counts what fails, and reports on everything in one page that needs nothing else', async () => {
    await using graph = await spawnGraph({ settings: { SUBGRAPH_TIMEOUT_MS: '60000', PEER_TIMEOUT_MS: '60000' } });
    let sent = 0;
    const whenHalf = (async () => {
      while (sent < (SECONDS * RATE) / 2) await delay(20);
      await graph.kill('task', 'SIGKILL');
    })();
    const result = await runLoad({
      url: graph.urls.gateway,
      scenario: 'soak',
      rate: RATE,
      seconds: SECONDS,
      pids: () => graph.pids,
      onProgress: (line) => (sent = Number(/^\d+/.exec(line)?.[0])),
    });
    await whenHalf;
    const all = result.rows.at(-1);
    expect(all).toMatchObject({ kind: 'all', requests: SECONDS * RATE });
    expect(all?.failed).toBeGreaterThan(0);
    expect(all?.failed).toBeLessThan(SECONDS * RATE);
    expect(all?.failures).toHaveProperty('UNAVAILABLE');
    expect(result.timeline).toHaveLength(SECONDS);
    expect(result.timeline.reduce((sum, { requests }) => sum + requests, 0)).toBe(SECONDS * RATE);
    for (const name of ['gateway', 'auth', 'media'])
      for (const { rssMib } of result.processes[name] ?? []) expect(rssMib).toBeGreaterThan(10);
    expect(tableLines(result.rows)).toHaveLength(result.rows.length + 1);
    const [titles = '', , line = '', ...others] = markdownLines([result]);
    expect(others).toEqual([]);
    expect(line.split('|')).toHaveLength(titles.split('|').length);
    expect(line).toContain(`| ${all?.failed} of ${SECONDS * RATE} |`);
    expect(line).toMatch(/^\| `soak` \| 10\.0 \|[^|]+\| [\d.]+ ms \| [\d.]+ ms \|/);
    expect(line).toMatch(/\| \d+ %, \d+ MiB \|/);
    const html = toHtml(result);
    for (const section of SECTIONS) expect(html).toContain(`<h2 id="${section}">`);
    expect(html.match(/<svg /g)).toHaveLength(4);
    expect(html).toContain('<td>UNAVAILABLE</td>');
    expect(html).not.toMatch(/<script|https?:\/\/(?!127)|NaN|undefined/);
  });
});
