// Reads docs/security.md: which attack gets which answer, and the tests that show it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const SECURITY_PAGE = 'docs/security.md';
/** Tests that are about security by where they are, or by their name. */
export const TAGGED = [String.raw`/security/.*\.test\.ts$`, String.raw`\.security\.test\.ts$`];

/** Returns the rows that name a test, with what stands before it. */
export function readSecurityPage(markdown = readFileSync(path.join(root, SECURITY_PAGE), 'utf8')) {
  let section = '';
  return markdown.split('\n').flatMap((line) => {
    section = /^## (.+)$/.exec(line)?.[1] ?? section;
    const cells = /^\| (.+?) \| (.+?) \| `([^`]+\.test\.ts)`: (.+) \|$/.exec(line);
    if (!cells) return [];
    const [, what, answer, file, title] = cells;
    return [{ section, what, answer, file, title }];
  });
}
