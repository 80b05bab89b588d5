import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

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

/** A build takes the packages in the order of what they declare: what is imported and not declared is built by chance. */
describe('The packages of the repository', () => {
  it.each(WORKSPACES)('%s declares each package that it imports', (workspace) => {
    const manifest = manifestOf(workspace);
    const atRun = namesOf(manifest.dependencies, manifest.peerDependencies, manifest.optionalDependencies);
    const inTests = namesOf(manifest.devDependencies, manifestOf('.').devDependencies);
    const files = listSources(workspace);
    // The build of a folder of tests compiles them; tests beside sources are compiled all at once, when everything is built.
    const buildsTests = manifest.scripts?.['build'] !== undefined && files.every(isOfTests);
    const isKnownToTests = (name: string) => inTests.has(name) || (!buildsTests && OURS.has(name));

    const undeclared = files.flatMap((file) =>
      importsOf(file)
        .filter(({ name }) => name !== manifest.name && !atRun.has(name))
        .filter(({ name, isType }) => !((isType || isOfTests(file)) && isKnownToTests(name)))
        .map(({ name }) => `${file} imports ${name}`),
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

/** What an import of types names is not there when the program runs. */
const TYPE_IMPORT = /^(?:import|export) type [^;]*;/gm;

function importsOf(file: string): { name: string; isType: boolean }[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [
    ...packagesIn(text.replaceAll(TYPE_IMPORT, '')).map((name) => ({ name, isType: false })),
    ...packagesIn((text.match(TYPE_IMPORT) ?? []).join('\n')).map((name) => ({ name, isType: true })),
  ];
}

function packagesIn(text: string): string[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => /^[@a-z]/.test(name) && !isBuiltin(name))
    .map((name) => {
      const parts = name.startsWith('@') ? 2 : 1;
      return name.split('/').slice(0, parts).join('/');
    });
}
