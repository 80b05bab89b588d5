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
