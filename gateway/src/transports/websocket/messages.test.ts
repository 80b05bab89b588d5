import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES } from './messages.js';

describe('docs/subscriptions.md', () => {
  it('tells of every code with which a connection is closed', () => {
    const page = readFileSync(new URL('../../../../docs/subscriptions.md', import.meta.url), 'utf8');
    const told = [...page.matchAll(/^\| (\d{4}) \|/gm)].map(([, code]) => Number(code));
    expect(told).toEqual(Object.values(CLOSE_CODES).sort());
  });
});
