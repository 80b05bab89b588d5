import { readFileSync } from 'node:fs';
import { parse, type DocumentNode } from 'graphql';

/**
 * Loads and joins SDL files, given relative to the package's `src` folder.
 *
 * @param moduleUrl `import.meta.url` of a file directly in `src/` or `dist/`: SDL is not compiled, so both read `src/`
 */
export function loadSdl(moduleUrl: string, paths: readonly string[]): DocumentNode {
  return parse(paths.map((path) => readFileSync(new URL(`../src/${path}`, moduleUrl), 'utf8')).join('\n'));
}
