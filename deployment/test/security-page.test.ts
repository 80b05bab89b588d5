import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readSecurityPage, SECURITY_PAGE } from '../../scripts/security-page.mjs';
import { readText, ROOT } from './repository.js';

const rows = readSecurityPage();

describe(SECURITY_PAGE, () => {
  it('has a test for each attack and each requirement', () => {
    const tables = readText(SECURITY_PAGE).split('## What is not met')[0] ?? '';
    const lines = tables.split('\n').filter((line) => /^\| (?!attack|requirement)/.test(line));
    expect(rows).toHaveLength(lines.length);
    expect(rows.filter(({ section }) => section === 'Attacks').length).toBeGreaterThan(20);
  });

  it.each([...new Set(rows.map(({ file }) => file))])('names tests of %s that are there', (file) => {
    expect(existsSync(path.join(ROOT, file))).toBe(true);
    const text = readText(file);
    const titles = rows.filter((row) => row.file === file).map(({ title }) => title);
    expect(titles.filter((title) => !text.includes(`'${title}'`))).toEqual([]);
  });
});
