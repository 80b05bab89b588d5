import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES, isErrorCode } from './errors.js';

describe('docs/errors.md', () => {
  it('tells the table of codes as it is in the code', () => {
    const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const rows = page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );

    expect(rows).toEqual(
      Object.entries(ERROR_CODES).map(([code, { meaning, httpStatus, retryable, logLevel }]) => [
        `\`${code}\``,
        meaning,
        String(httpStatus),
        retryable ? 'yes' : 'no',
        logLevel,
      ]),
    );
  });
});

describe('isErrorCode', () => {
  it('knows the codes of the table and nothing that objects inherit', () => {
    expect(isErrorCode('NOT_FOUND')).toBe(true);
    expect(isErrorCode('toString')).toBe(false);
    expect(isErrorCode(undefined)).toBe(false);
  });
});
