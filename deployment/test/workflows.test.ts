import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readDockerfile } from '../images/dockerfile.mjs';
import { PROCESSES } from './processes.js';
import { readText, ROOT } from './repository.js';

interface Job {
  readonly 'timeout-minutes'?: number;
  readonly uses?: string;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly steps?: ReadonlyArray<{ readonly uses?: string; readonly run?: string }>;
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = '.github/workflows';
const workflows = readdirSync(path.join(ROOT, FOLDER)).map(
  (file) => [file, parse(readText(`${FOLDER}/${file}`)) as Workflow] as const,
);
const named = (file: string) => workflows.find(([name]) => name === file)?.[1] as Workflow;
const runsOf = (workflow: Workflow) =>
  Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps.flatMap(({ run }) => run ?? []));

describe.each(workflows)('%s', (_file, workflow) => {
  it('may write nothing unless a job says so', () => {
    const { 'id-token': _identity, ...permissions } = workflow.permissions ?? {};
    expect(permissions).toEqual({ contents: 'read' });
  });

  it('ends by itself', () => {
    const endless = Object.entries(workflow.jobs).filter(
      ([, job]) => !job.uses && job['timeout-minutes'] === undefined,
    );
    expect(endless.map(([name]) => name)).toEqual([]);
  });

  it('takes actions by a version', () => {
    const actions = Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(actions.filter((action) => !/@v?\d+/.test(action))).toEqual([]);
  });

  it('stands in docs/deployment.md', () => {
    expect(readText('docs/deployment.md')).toContain(`| \`${_file}\` |`);
  });
});

describe('images in workflows', () => {
  const targets = ['migrate', ...PROCESSES.map(({ name }) => name)].sort();

  it('are all targets of the Dockerfile that are no stage of another', () => {
    const stages = readDockerfile(path.join(ROOT, 'Dockerfile')).map(({ name }) => name);
    expect(stages).toEqual(expect.arrayContaining(targets));
    expect([...(named('images.yml').jobs['image']?.strategy?.matrix['target'] ?? [])].sort()).toEqual(targets);
  });

  it('are all named when a release is deployed, and every process is waited for', () => {
    const loops = runsOf(named('deploy.yml')).flatMap((run) =>
      [...run.matchAll(/for \w+ in ([\w ]+); do/g)].map(([, names = '']) => names.split(' ').sort()),
    );
    const processes = PROCESSES.map(({ name }) => name).sort();
    expect(loops).toEqual([targets, processes, processes]);
  });
});

describe('check.yml', () => {
  it('runs what CI runs everywhere', () => {
    expect(runsOf(named('check.yml'))).toContain('bash .ci/run');
  });
});
