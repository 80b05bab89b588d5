import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { operationNames } from '../operations.js';

describe('the stories', () => {
  it('run every operation that frontends send', () => {
    const root = new URL('../', import.meta.url);
    const stories = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => /^(?!coverage|node_modules).*\.ts$/.test(path))
      .map((path) => readFileSync(new URL(path, root), 'utf8'))
      .join('\n');
    const untold = operationNames().filter((name) => !stories.includes(`'${name}'`));

    expect(untold).toEqual([]);
  });
});

describe('npm run test:integration', () => {
  it('runs projects that there are, and each that needs databases, a gateway or processes', async () => {
    const root = new URL('../../', import.meta.url);
    const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
      scripts: Readonly<Record<string, string>>;
    };
    const named = /--selectProjects (.+)$/.exec(scripts['test:integration'] ?? '')?.[1]?.split(' ') ?? [];
    const { default: config } = (await import(new URL('jest.config.mjs', root).href)) as {
      default: { projects: ReadonlyArray<{ displayName: string }> };
    };
    const projects = config.projects.map(({ displayName }) => displayName);
    expect(named.sort()).toEqual(['graph', 'story', 'subgraph']);
    expect(projects).toEqual(expect.arrayContaining(named));
  });
});
