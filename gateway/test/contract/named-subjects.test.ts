import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from './cruise.js';

const SOURCES = ['gateway/src', 'packages/*/src', 'subgraphs/*/src', 'embedded/src', 'operator/src'];

/** Comments whose subject is a clause, "Who waits asks again", in the place of a noun: the reader has to find out who that is. */
const UNNAMED =
  /\b[Ww]hoever\b|(?:^|[.:;] )Who [a-z]|\b(?:for|of|by|to|than|from|with) who (?:asks|comes|does|gets|has|is|looks|may|reads|sends|wants)\b/;

describe('The comments of the sources', () => {
  it('name their subjects', () => {
    const files = execFileSync('git', ['ls-files', ...SOURCES.map((folder) => `${folder}/**/*.ts`)], { cwd: ROOT })
      .toString()
      .trim()
      .split('\n');
    expect(files.length).toBeGreaterThan(500);
    const unnamed = files.flatMap((file) =>
      commentsOf(readFileSync(path.join(ROOT, file), 'utf8'))
        .filter(({ text }) => UNNAMED.test(text))
        .map(({ line, text }) => `${file}:${line} ${text}`),
    );
    expect(unnamed).toEqual([]);
  });

  it.each([
    ['// Who gives up does not wait for others.', true],
    ['/** Served: whoever has the URL. */', true],
    [' * keeps its order. Who sends one is next', true],
    [' * in the pace of who reads it', true],
    ['// A client that gives up does not wait for others.', false],
    ['/** Tells who is signed in. */', false],
  ])('are read: %s', (line, isUnnamed) => {
    expect(commentsOf(line).some(({ text }) => UNNAMED.test(text))).toBe(isUnnamed);
  });
});

/** Lines that are comments as a whole, without their marks. */
function commentsOf(text: string): Array<{ readonly line: number; readonly text: string }> {
  return text.split('\n').flatMap((line, index) => {
    const [, comment] = /^\s*(?:\/\/|\/\*\*|\*) ?(.*)$/.exec(line) ?? [];
    return comment === undefined ? [] : [{ line: index + 1, text: comment }];
  });
}
