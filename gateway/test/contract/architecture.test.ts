import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TEXT = readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8');
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
  maxBuffer: 64 * 2 ** 20,
}).split('\n');
const ENGINE = 'packages/federation-engine/src';
const FLOORS = [
  'rest',
  'workers',
  'transports',
  'explorer',
  'admission',
  'identity',
  'usage',
  'live',
  'execute',
  'compile',
  'supergraph',
  'subgraphs',
  'request',
];

/** The part of the text under a heading, and those below it. */
function section(heading: string): string {
  const [, level = ''] = /^(#+) /.exec(heading) ?? [];
  const from = TEXT.indexOf(`\n${heading}\n`);
  if (from < 0) throw new Error(`there is no ${heading}`);
  const rest = TEXT.slice(from + heading.length + 1);
  const to = rest.search(new RegExp(`\\n#{1,${level.length}} `));
  return to < 0 ? rest : rest.slice(0, to);
}

const quoted = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name as string);
const isFile = (name: string) => /^[\w<>./-]+\.(ts|mjs|cjs|md|graphql|ya?ml)$/.test(name);

/** A floor of the gateway or of the engine, or a package or subgraph as a whole. */
const HOUSE = /^(gateway\/src|packages\/federation-engine\/src|packages|subgraphs)\/([^/]+)\//;

/** The floors of the files that a step names, in its order; one that is named twice in a row is one. */
function floorsOf(step: string): string[] {
  const floors: string[] = [];
  // What is named without a folder stands in the one that was named last, or below it.
  let folder = '';
  for (const name of quoted(step).filter(isFile)) {
    const candidates = FILES.filter((file) => `/${file}`.endsWith(`/${name}`) && HOUSE.test(file));
    const found = name.includes('/')
      ? candidates[0]
      : candidates.find((file) => folder !== '' && file.startsWith(folder));
    if (found === undefined) throw new Error(`${name} does not stand in ${folder === '' ? 'any floor' : folder}`);
    const [prefix = '', , floor = ''] = HOUSE.exec(found) ?? [];
    if (name.includes('/')) folder = prefix;
    if (floors.at(-1) !== floor) floors.push(floor);
  }
  return floors;
}

describe('ARCHITECTURE.md', () => {
  it('names files that there are', () => {
    const missing = quoted(TEXT)
      .filter(isFile)
      .filter((name) => {
        const pattern = new RegExp(`(^|/)${name.replace(/[.]/g, '\\.').replace('<feature>', '[^/]+')}$`);
        return !FILES.some((file) => pattern.test(file));
      });
    expect(missing).toEqual([]);
  });

  it('links to files that there are', () => {
    const links = [...TEXT.matchAll(/\]\(([^)#:]+)\)/g)].map(([, link]) => link as string);
    expect(links.filter((link) => !FILES.includes(link))).toEqual([]);
  });

  it('tells the way of one operation, step by step down through every floor that it passes and back, with files that stand there', () => {
    const steps = section('### One operation, file by file')
      .split(/\n(?=\d\. )/)
      .slice(1);
    expect(steps.map(floorsOf)).toEqual([
      ['service-kit', 'transports'],
      ['identity'],
      ['admission'],
      ['compile', 'supergraph', 'compile'],
      ['execute'],
      ['subgraphs'],
      ['service-kit', 'task', 'service-kit', 'media'],
      ['subgraphs', 'execute', 'transports'],
    ]);
  });

  it('says of every floor what it is for', () => {
    const tables = section('## Inside the gateway')
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .join('\n');
    for (const floor of FLOORS) expect([floor, tables.includes(`\`${floor}/`)]).toEqual([floor, true]);
    const folders = FILES.filter((file) => file.startsWith('gateway/src/') || file.startsWith(`${ENGINE}/`))
      .map((file) => file.replace(/^(gateway\/src|packages\/federation-engine\/src)\//, ''))
      .flatMap((file) => (file.includes('/') ? [file.slice(0, file.indexOf('/'))] : []));
    expect([...new Set(folders)].sort()).toEqual([...FLOORS].sort());
  });

  it('gives each word of ours one line, and no word that the code does not use', () => {
    const rows = section('### Words of ours')
      .split('\n')
      .filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| word'));
    const words = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    expect(new Set(words.map(([, word]) => word)).size).toBe(words.length);
    for (const [, word, meaning] of words) expect([word, (meaning ?? '').length > 10]).toEqual([word, true]);
    const sources = FILES.filter((file) =>
      /^(gateway|packages\/[^/]+|subgraphs\/[^/]+)\/src\/.*(?<!\.test)\.ts$/.test(file),
    ).map((file) => readFileSync(path.join(ROOT, file), 'utf8'));
    const unused = words.filter(
      ([, word = '']) => !sources.some((text) => new RegExp(`\\b(\\w*[a-z])?${word}`, 'i').test(text)),
    );
    expect(unused.map(([, word]) => word)).toEqual([]);
  });
});
