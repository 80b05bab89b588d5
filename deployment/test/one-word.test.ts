import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { queriesOf } from './dashboards.js';
import { readText, ROOT } from './repository.js';

/** The word of proxies for what the graph calls a subgraph. The engine's client of any HTTP service has it in its code, and tells nobody. */
const OTHER_WORD = /\bupstreams?\b/i;
const LOGS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'child']);
const METRICS = new Set(['counter', 'gauge', 'histogram', 'tallied']);

function filesIn(folder: string, pattern: RegExp): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(folder, file))
    .filter((file) => pattern.test(file) && !/(^|\/)(node_modules|dist|generated|test)\/|\.test\.ts$/.test(file));
}

/** Names and texts in what a call tells of: fields of a log line and its message, or name, help and labels of a metric. */
function wordsTold(call: ts.CallExpression): string[] {
  const { expression } = call;
  if (!ts.isPropertyAccessExpression(expression)) return [];
  const receiver = expression.expression.getText();
  const isLog = LOGS.has(expression.name.text) && /(^|[.#])log\??$/i.test(receiver);
  const isMetric = METRICS.has(expression.name.text) && /(^|\.)metrics\??$/.test(receiver);
  if (!isLog && !isMetric) return [];
  const words: string[] = [];
  const collect = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) words.push(node.text);
    else if (ts.isShorthandPropertyAssignment(node) || ts.isPropertyAssignment(node)) words.push(node.name.getText());
    ts.forEachChild(node, collect);
  };
  call.arguments.forEach(collect);
  return words;
}

function callsIn(text: string): string[][] {
  const told: string[][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) told.push(wordsTold(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest, true));
  return told.filter((words) => words.length > 0);
}

const isWrong = (word: string) => OTHER_WORD.test(word.replaceAll('_', ' '));

describe('a subgraph', () => {
  it('is called so in each field of logs, and in names, labels and words of metrics', () => {
    const told = ['packages', 'gateway/src', 'subgraphs', 'embedded/src', 'operator/src']
      .flatMap((folder) => filesIn(folder, /\.ts$/))
      .flatMap((file) => callsIn(readText(file)).map((words) => [file, words] as const));
    expect(told.length).toBeGreaterThan(200);
    expect(told.filter(([, words]) => words.some(isWrong))).toEqual([]);
  });

  it('is called so in documents, but for the settings of proxies', () => {
    const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'ARCHITECTURE.md'].concat(
      ['docs', 'gateway', 'subgraphs', 'observability', 'terraform'].flatMap((one) => filesIn(one, /\.md$/)),
    );
    expect(pages.length).toBeGreaterThan(30);
    const prose = (page: string) =>
      readText(page)
        .replace(/^```[^]*?^```/gm, '')
        .replace(/`[^`]*`/g, '');
    expect(pages.filter((page) => OTHER_WORD.test(prose(page)))).toEqual([]);
  });

  it('is called so on dashboards and in alerts', () => {
    const shown = queriesOf().flatMap(({ panel, description, expression }) => [panel, description, expression]);
    const rules = ['alerts', 'recording'].map((name) => readText(`observability/prometheus/rules/${name}.yml`));
    expect([...shown, ...rules].filter(isWrong)).toEqual([]);
  });

  it('would be seen where it is not', () => {
    const wrong = callsIn(`
      log.warn({ upstream: name }, 'failed');
      options.log.info({ ok }, 'the upstream is away');
      metrics.gauge('taskgraph_upstreams', 'Those.', ['state']);
      metrics.counter('taskgraph_calls_total', 'Calls.', ['upstream']);
      this.#log.child({ upstream });`);
    expect(wrong.filter((words) => words.some(isWrong))).toHaveLength(5);
    expect(
      callsIn("log.warn({ subgraph: upstream.name }, 'circuit opened')").filter((words) => words.some(isWrong)),
    ).toEqual([]);
  });
});
