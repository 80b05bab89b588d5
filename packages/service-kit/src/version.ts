import { readFileSync } from 'node:fs';

let version: string | null = null;

/** Returns the version of the release: all packages have the same. */
export function serviceVersion(): string {
  version ??= (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
  return version;
}
