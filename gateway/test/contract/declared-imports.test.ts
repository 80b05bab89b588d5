import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly workspaces?: readonly string[];
  readonly scripts?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const manifestOf = (folder: string) =>
  JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as Manifest;

const WORKSPACES = (manifestOf('.').workspaces ?? []).flatMap((pattern) =>
  pattern.endsWith('/*')
    ? readdirSync(path.join(root, pattern.slice(0, -2))).map((name) => `${pattern.slice(0, -2)}/${name}`)
    : [pattern],
);

const OURS = new Set(WORKSPACES.map((folder) => manifestOf(folder).name));

/**
 * A build takes the packages in the order of what they declare: what is imported and not declared is built by chance. Packages of
 * others are held by the import rules, which see ours as files.
 */
describe('The packages of the repository', () => {
  it.each(WORKSPACES)('%s declares each of ours that its build reads', (workspace) => {
    const manifest = manifestOf(workspace);
    const atRun = namesOf(manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies);
    const inTests = namesOf(manifest.devDependencies);
    const files = listSources(workspace);
    // The build of a folder of tests compiles them; tests beside sources are compiled all at once, when everything is built.
    const buildsTests = manifest.scripts?.['build'] !== undefined && files.every(isOfTests);

    const undeclared = files
      .filter((file) => buildsTests || !isOfTests(file))
      .flatMap((file) =>
        importsOf(file)
          .filter((name) => OURS.has(name) && name !== manifest.name && !atRun.has(name))
          .filter((name) => !(buildsTests && inTests.has(name)))
          .map((name) => `${file} imports ${name}`),
      );

    expect(undeclared).toEqual([]);
  });
});

function namesOf(...lists: (Record<string, string> | undefined)[]): Set<string> {
  return new Set(lists.flatMap((list) => Object.keys(list ?? {})));
}

/** Files of tests, and folders that hold nothing else. */
function isOfTests(file: string): boolean {
  return /\.test\.ts$|(^|\/)test\/|^(e2e|deployment|packages\/testkit)\//.test(file);
}

function listSources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ['node_modules', 'dist', 'generated'].includes(entry.name) ? [] : listSources(file);
    return /(?<!\.d)\.m?[tj]sx?$/.test(entry.name) ? [file] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import|import\()\s*'(@taskgraph\/[a-z-]+)/g)].map(([, name = '']) => name);
}
