import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { isNear } from '@taskgraph/service-kit';

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

interface Setting {
  readonly name: string;
  /** The piece of `settings` that reads it. */
  readonly kind: string;
  /** Null for what is no number. */
  readonly fallback: number | null;
}

const found = CONFIGURATIONS.flatMap((path) =>
  [...read(path).matchAll(/^ {2}([A-Z][A-Z0-9_]+): settings\.(\w+)\(([^()]*)\)/gm)].map(
    ([, name = '', kind = '', fallback = '']): Setting => ({ name, kind, fallback: toNumber(fallback) }),
  ),
);
const rates = CONFIGURATIONS.flatMap((path) =>
  [...read(path).matchAll(/^ {2}([A-Z][A-Z0-9_]+): settings\.rate\('([^']+)'\)/gm)].map(([, name = '', rate = '']) => ({
    name,
    rate,
  })),
);
const linesOf = (path: string) =>
  [...read(path).matchAll(/^([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name = '', value = '']): [string, string] => [
    name,
    value,
  ]);
const settings = [...new Map(found.map((setting) => [setting.name, setting])).values()];

/** `100 * MIB` and `1_000`, as they stand in the configurations. */
function toNumber(expression: string): number | null {
  const factors = expression.split('*').map((factor) => {
    const text = factor.trim().replaceAll('_', '');
    return text === 'MIB' ? 2 ** 20 : text === '' ? Number.NaN : Number(text);
  });
  const product = factors.reduce((all, factor) => all * factor, 1);
  return Number.isNaN(product) ? null : product;
}

/** The rows of a page's tables that begin with settings, with their defaults. */
function documented(path: string): Map<string, string> {
  const rows = [...read(path).matchAll(/^\| (`[A-Z][^|]*) \| ([^|]*) \|/gm)];
  return new Map(
    rows.flatMap(([, names = '', fallbacks = '']) => {
      const each = fallbacks.split(', ');
      return names
        .split(', ')
        .map((name, index): [string, string] => [name.replaceAll('`', ''), (each[index] ?? '').replaceAll('`', '')]);
    }),
  );
}

const isLimit = ({ name, kind }: Setting) =>
  /^(positiveInt|nonNegativeInt|duration\w+|optionalDuration\w+|bytes)$/.test(kind) &&
  /(^|_)(MAX|TIMEOUT|LIFETIME|GRACE|BYTES|CONCURRENCY|WINDOW|MIB)(_|$)/.test(name);

describe('no setting', () => {
  it('is taken for a misspelling of another: processes share an environment', () => {
    const names = settings.map(({ name }) => name);
    const near = names.flatMap((name) =>
      names.filter((other) => other !== name && isNear(name, other)).map((other) => `${name} ${other}`),
    );
    expect(near).toEqual([]);
  });
});

describe('every setting', () => {
  it('is found', () => {
    expect(settings.length).toBeGreaterThan(40);
  });

  it.each(['README.md', '.env.example'])('stands in %s', (path) => {
    const text = read(path);
    expect(settings.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  });

  it.each(['README.md', 'docs/hardening.md', '.env.example'])('has in %s the rate that it has in the code', (path) => {
    const page = path === '.env.example' ? new Map(linesOf(path)) : documented(path);
    expect(rates.length).toBeGreaterThan(7);
    expect(rates.filter(({ name, rate }) => page.get(name) !== rate)).toEqual([]);
  });

  it.each(['README.md', 'docs/hardening.md'])('has in %s the default that it has in the code', (path) => {
    const page = documented(path);
    const numbers = settings.filter(
      ({ name, kind, fallback }) => fallback !== null && kind !== 'secret' && page.has(name),
    );
    expect(numbers.length).toBeGreaterThan(20);
    const wrong = numbers.filter(({ name, fallback }) => Number(page.get(name)) !== fallback);
    expect(wrong.map(({ name, fallback }) => `${name}: ${fallback} in code, ${page.get(name)} in ${path}`)).toEqual([]);
  });

  it('has in .env.example the default that it has in the code', () => {
    const lines = parseEnv(read('.env.example').replaceAll(/^# (?=[A-Z_]+=)/gm, ''));
    const wrong = settings.filter(({ name, kind, fallback }) => {
      const value = lines[name];
      return fallback !== null && kind !== 'secret' && value !== undefined && Number(value) !== fallback;
    });
    expect(wrong.map(({ name, fallback }) => `${name}: ${fallback} in code, ${lines[name]} in .env.example`)).toEqual(
      [],
    );
  });
});

describe('every limit', () => {
  it('is found', () => {
    expect(settings.filter(isLimit).length).toBeGreaterThan(30);
  });

  it('stands in docs/hardening.md', () => {
    const page = documented('docs/hardening.md');
    expect(settings.filter(isLimit).flatMap(({ name }) => (page.has(name) ? [] : [name]))).toEqual([]);
  });

  it('of docs/hardening.md is one of the code', () => {
    const known = new Set(settings.map(({ name }) => name));
    expect([...documented('docs/hardening.md').keys()].filter((name) => !known.has(name))).toEqual([]);
  });
});
