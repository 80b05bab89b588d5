import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { OUTCOMES } from '@taskgraph/service-kit';
import { parse } from 'yaml';
import { queriesOf } from './dashboards.js';
import { operationsPortOf, PROCESSES } from './processes.js';
import { readText, ROOT } from './repository.js';

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleTest {
  readonly tests: ReadonlyArray<{
    readonly alert_rule_test: ReadonlyArray<{ readonly alertname: string; readonly exp_alerts?: readonly object[] }>;
  }>;
}

const FOLDER = 'observability/prometheus';
const filesIn = (folder: string) => readdirSync(path.join(ROOT, folder)).map((file) => `${folder}/${file}`);
const rules = filesIn(`${FOLDER}/rules`).flatMap((file) =>
  (parse(readText(file)) as { groups: Array<{ rules: Rule[] }> }).groups.flatMap(({ rules: some }) => some),
);
const alerts = rules.filter((rule): rule is Rule & { alert: string } => rule.alert !== undefined);
const ruleTests = filesIn(`${FOLDER}/tests`).map((file) => [file, parse(readText(file)) as RuleTest] as const);

const hasPromtool = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).error === undefined;
if (!hasPromtool) console.warn('There is no promtool on this machine: apt-get install prometheus');
const withPromtool = hasPromtool ? describe : describe.skip;

function promtool(...parameters: string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', parameters, {
    cwd: path.join(ROOT, FOLDER),
    encoding: 'utf8',
  });
  return status === 0 ? 'ok' : `${stdout}${stderr}`;
}

/** Every metric that the code defines, with the names of the series of a histogram. */
function definedMetrics(): Set<string> {
  const names = ['packages', 'gateway/src', 'subgraphs'].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !/node_modules|\/(test|dist|generated)\//.test(file))
      .flatMap((file) =>
        [...readText(path.join(folder, file)).matchAll(/'(taskgraph_[a-z_]+)'/g)].map(([, name]) => name),
      ),
  );
  return new Set(names as string[]);
}

/** The words for outcomes that an expression asks for. */
function outcomesIn(expressions: readonly string[]): string[] {
  return expressions.flatMap((expression) =>
    [...expression.matchAll(/outcome(?:=|!=|=~|!~)"([^"]*)"/g)].flatMap(([, words = '']) => words.split('|')),
  );
}

const SERIES = /_(bucket|count|sum)$/;

/** What an expression asks for that neither the code nor a rule makes. */
function unknownIn(expressions: readonly string[]): string[] {
  const metrics = definedMetrics();
  const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
  return expressions.flatMap((expression) =>
    [...expression.matchAll(/\btaskgraph[_:][\w:]+/g)]
      .map(([name]) => name)
      .filter((name) => !recorded.has(name) && !metrics.has(name) && !metrics.has(name.replace(SERIES, ''))),
  );
}

describe('what is scraped', () => {
  it('is the port for operators of every process', () => {
    const { scrape_configs: jobs } = parse(readText(`${FOLDER}/prometheus.yml`)) as {
      scrape_configs: Array<{ job_name: string; static_configs: Array<{ targets: string[] }> }>;
    };
    const targets = jobs.flatMap(({ static_configs: some }) => some.flatMap(({ targets: each }) => each));
    expect(targets.sort()).toEqual(PROCESSES.map((one) => `${one.name}:${operationsPortOf(one)}`).sort());
    expect(jobs.map(({ job_name: name }) => name)).toEqual(['taskgraph']);
  });
});

describe('rules', () => {
  it('ask for metrics of the code, and for what other rules record', () => {
    expect(unknownIn(rules.map(({ expr }) => expr))).toEqual([]);
  });
});

describe('outcomes that rules and dashboards ask for', () => {
  it('are words of the code', () => {
    const asked = outcomesIn([...rules.map(({ expr }) => expr), ...queriesOf().map(({ expression }) => expression)]);
    expect(asked).toEqual(expect.arrayContaining(['ok', 'error', 'refused']));
    expect(asked.filter((word) => !OUTCOMES.some((known) => known === word))).toEqual([]);
  });
});

describe('the PrometheusRule of Kubernetes', () => {
  it('has the same rules: node scripts/prometheus-rule.mjs', () => {
    const { spec } = parse(readText('k8s/components/monitoring/prometheus-rule.yaml')) as {
      spec: { groups: Array<{ rules: Rule[] }> };
    };
    expect(spec.groups.flatMap(({ rules: some }) => some)).toEqual([
      ...rules.filter(({ record }) => record !== undefined),
      ...alerts,
    ]);
  });
});

describe('alerts', () => {
  const runbook = readText('docs/runbook.md');
  const sections = new Map(
    runbook
      .split(/^### /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  );

  it.each(alerts)('$alert says what to do, and how soon', ({ alert, labels, annotations }) => {
    expect(['page', 'ticket']).toContain(labels?.['severity']);
    expect(annotations?.['summary']).toMatch(/\.$/);
    expect(annotations?.['runbook']).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    const section = sections.get(alert) ?? '';
    for (const part of ['Meaning', 'Impact', 'Diagnosis', 'Mitigation']) expect(section).toContain(`**${part}.**`);
  });

  it('are all that the runbook tells of', () => {
    expect([...sections.keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it('each fire in a test, and are quiet in another', () => {
    const checks = ruleTests.flatMap(([, { tests }]) => tests.flatMap(({ alert_rule_test: some }) => some));
    const firing = checks.filter(({ exp_alerts: expected }) => (expected ?? []).length > 0);
    const quiet = checks.filter(({ exp_alerts: expected }) => (expected ?? []).length === 0);
    const names = alerts.map(({ alert }) => alert).sort();
    expect([...new Set(firing.map(({ alertname }) => alertname))].sort()).toEqual(names);
    expect([...new Set(quiet.map(({ alertname }) => alertname))].sort()).toEqual(names);
  });

  it('link within the runbook, and to sections of other pages that are there', () => {
    const anchors = (text: string) =>
      new Set(
        [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
          title
            .toLowerCase()
            .replace(/[^\w\- ]/g, '')
            .replaceAll(' ', '-'),
        ),
      );
    for (const [, page = '', anchor = ''] of runbook.matchAll(/\]\(([\w.]*)#([\w-]+)\)/g))
      expect(anchors(readText(`docs/${page === '' ? 'runbook.md' : page}`))).toContain(anchor);
  });
});

describe('dashboards', () => {
  it('ask for metrics of the code, and for what rules record', () => {
    expect(unknownIn(queriesOf().map(({ expression }) => expression))).toEqual([]);
  });

  it('have a source of data, and say what each panel shows', () => {
    const { datasources } = parse(readText('observability/grafana/provisioning/datasources/prometheus.yml')) as {
      datasources: Array<{ uid: string }>;
    };
    for (const { source, description } of queriesOf()) {
      expect(datasources.map(({ uid }) => uid)).toContain(source);
      expect(description).toMatch(/\.$/);
    }
  });
});

withPromtool('promtool', () => {
  it('has nothing to say of the configuration and its rules', () => {
    expect(promtool('check', 'config', 'prometheus.yml')).toBe('ok');
  });

  it.each(ruleTests.map(([file]) => file))('finds %s as it should be', (file) => {
    expect(promtool('test', 'rules', path.relative(FOLDER, file))).toBe('ok');
  });
});
