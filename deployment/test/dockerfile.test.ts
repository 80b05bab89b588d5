import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ALLOCATOR } from '../../scripts/allocator.mjs';
import { listContext } from '../images/context.mjs';
import { readDockerfile, type Stage, type Step, type StepKind, type StepOf } from '../images/dockerfile.mjs';
import { operationsPortOf, PROCESSES, processNamed } from './processes.js';
import { readText, ROOT } from './repository.js';

const stages = readDockerfile(path.join(ROOT, 'Dockerfile'));
const TARGETS = ['migrate', ...PROCESSES.map(({ name }) => name)];

/** The steps that an image has of itself and of the stages that it begins from. */
function stepsOf(name: string): Step[] {
  const stage = stages.find((one) => one.name === name);
  if (!stage) throw new Error(`There is no stage ${name}.`);
  return stages.some((one) => one.name === stage.base) ? [...stepsOf(stage.base), ...stage.steps] : [...stage.steps];
}

function lastOf<Kind extends StepKind>(name: string, kind: Kind): StepOf<Kind> | undefined {
  return stepsOf(name).findLast((step) => step.kind === kind) as StepOf<Kind> | undefined;
}

function envOf(name: string): Record<string, string> {
  return Object.assign({}, ...stepsOf(name).map((step) => (step.kind === 'env' ? step.values : {}))) as Record<
    string,
    string
  >;
}

describe('the Dockerfile', () => {
  it('has a target for each process, and one for migrations', () => {
    expect(stages.map(({ name }) => name)).toEqual(expect.arrayContaining(TARGETS));
  });

  it('begins each stage from another or from an image with a whole version', () => {
    const names = new Set(stages.map(({ name }) => name));
    const outside = stages.map(({ base }: Stage) => base).filter((base) => !names.has(base));
    expect(outside.filter((image) => !/:v?\d+\.\d+\.\d+(-[\w.-]+)?$/.test(image))).toEqual([]);
  });

  it('copies the manifest of every workspace before it installs', () => {
    const copied = stepsOf('build').flatMap((step) => (step.kind === 'copy' ? step.sources : []));
    const { workspaces } = JSON.parse(readText('package.json')) as { workspaces: string[] };
    expect(copied).toEqual(expect.arrayContaining(workspaces.map((workspace) => `${workspace}/package.json`)));
  });

  it('installs by the lock file only, without scripts of dependencies', () => {
    const commands = stages.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === 'run' ? [step.command] : [])),
    );
    const installs = commands.filter((command) => /\bnpm (ci|i|install|add)\b/.test(command));
    expect(installs.length).toBe(1 + TARGETS.length);
    for (const command of installs) expect(command).toMatch(/^npm ci .*--ignore-scripts/);
    expect(installs.filter((command) => command.includes('--omit=dev')).length).toBe(TARGETS.length);
  });
});

describe.each(TARGETS)('the image %s', (name) => {
  it('runs as somebody who is not root, by number', () => {
    expect(lastOf(name, 'user')?.value).toBe('1000:1000');
  });

  it('starts a file that the build makes, without a shell', () => {
    const words = [...(lastOf(name, 'entrypoint')?.words ?? []), ...(lastOf(name, 'cmd')?.words ?? [])];
    expect(words[0]).toBe('node');
    const entry = words.find((word) => word.endsWith('.js')) as string;
    expect(existsSync(path.join(ROOT, entry.replace('/dist/', '/src/').replace(/\.js$/, '.ts')))).toBe(true);
  });

  it('takes nothing from the build but what was laid out for it', () => {
    const sources = stages
      .filter(({ name: stage }) => stage === name || stage === `${name}-app`)
      .flatMap(({ steps }) => steps.flatMap((step) => (step.kind === 'copy' ? [step] : [])));
    for (const { from, sources: folders } of sources) {
      expect([`${name}-app`, 'build']).toContain(from);
      if (from === 'build') for (const folder of folders) expect(folder).toMatch(/^\/src\/\.images\//);
    }
  });
});

describe.each(PROCESSES)('the image of $name', (process) => {
  const prefix = process.name.toUpperCase();

  it('exposes the port of the code, and one for operators', () => {
    const ports = [process.port, operationsPortOf(process)];
    expect(lastOf(process.name, 'expose')?.ports).toEqual(ports);
    expect(envOf(process.name)).toMatchObject({
      [`${prefix}_PORT`]: String(ports[0]),
      [`${prefix}_OPERATIONS_PORT`]: String(ports[1]),
    });
  });

  it('asks for readiness at that port', () => {
    const check = lastOf(process.name, 'healthcheck')?.words.at(-1) ?? '';
    expect(check).toContain(`\${process.env.${prefix}_PORT}/health/ready`);
  });

  it('sets only what the process reads', () => {
    const ofNode = /^(MALLOC_\w+)$/;
    expect(
      Object.keys(envOf(process.name)).filter((name) => !ofNode.test(name) && !process.settings.has(name)),
    ).toEqual([]);
  });

  it('is in production, with nothing for development', () => {
    expect(envOf(process.name)['NODE_ENV']).toBe('production');
    expect(Object.keys(envOf(process.name))).not.toEqual(expect.arrayContaining(['SANDBOX']));
  });
});

it.each(['auth', 'task', 'media'])('the image of %s tells the allocator what npm start tells it', (name) => {
  const told = Object.entries(envOf(name)).filter(([setting]) => setting.startsWith('MALLOC_'));
  expect(Object.fromEntries(told)).toEqual(ALLOCATOR);
});

describe('the image of media', () => {
  it('writes to a volume that belongs to its user', () => {
    expect(envOf('media')['TASKGRAPH_DATA_DIR']).toBe('/data');
    expect(lastOf('media', 'volume')?.folders).toEqual(['/data']);
    expect(processNamed('media').settings.has('TASKGRAPH_DATA_DIR')).toBe(true);
  });
});

describe('the context of the build', () => {
  const files = listContext(ROOT);

  it('has what the build reads', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'package-lock.json',
        'turbo.json',
        'gateway/supergraph.graphql',
        'gateway/src/main.ts',
        'subgraphs/auth/src/modules/users/schema.graphql',
        'prisma/auth/schema.prisma',
        'scripts/image-tree.mjs',
      ]),
    );
  });

  it('has neither secrets nor data, nor what this machine has built', () => {
    const unwanted =
      /(^|\/)(\.env|\.git|\.data|node_modules|dist|generated|\.turbo|test|e2e\/[^/]+\/)(\/|$)|\.test\.ts$|\.log$/;
    expect(files.filter((file) => unwanted.test(file))).toEqual([]);
  });
});
