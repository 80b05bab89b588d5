import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** Every file that turns the environment into a configuration. */
const CONFIGURATIONS = [
  'packages/service-kit/src/settings.ts',
  'gateway/src/config.ts',
  'subgraphs/auth/src/config.ts',
  'subgraphs/task/src/config.ts',
  'subgraphs/media/src/config.ts',
  'embedded/src/config.ts',
];

const settings = [
  ...new Set(
    CONFIGURATIONS.flatMap((path) =>
      [...read(path).matchAll(/^ {2}([A-Z][A-Z0-9_]+): settings\./gm)].map(([, name]) => name as string),
    ),
  ),
];

describe('every setting', () => {
  it('is found', () => {
    expect(settings.length).toBeGreaterThan(40);
  });

  it.each(['README.md', '.env.example'])('stands in %s', (path) => {
    const text = read(path);
    expect(settings.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });
});
