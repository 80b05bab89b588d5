import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ROOT } from './cruise.js';

/**
 * Benchmarks and scripts are programs that no compiler reads, and benchmarks are run rarely: what moves or is renamed in the sources would be
 * missed when a figure is needed.
 */
describe('The programs that are not compiled', () => {
  const programs = ['bench', 'scripts'].flatMap(listPrograms);

  it.each(programs)('%s finds what it imports', (program) => {
    const missing = importsOf(program).flatMap(({ from, names }) => {
      const file = sourceOf(path.join(path.dirname(program), from));
      if (!file) return [from];
      // What is not compiled tells its names in many ways.
      if (!file.endsWith('.ts')) return [];
      const exported = exportsOf(file);
      return names.filter((name) => !exported.has(name)).map((name) => `${name} of ${from}`);
    });
    expect(missing).toEqual([]);
  });

  it('are read: a name and a file that are not there are told', () => {
    const all = programs.flatMap(importsOf);
    expect(all.filter(({ from }) => from.includes('/dist/')).length).toBeGreaterThan(5);
    expect(all.flatMap(({ names }) => names).length).toBeGreaterThan(100);
    expect(sourceOf('packages/federation-engine/dist/supergraph/nowhere.js')).toBeNull();
    const file = sourceOf('packages/federation-engine/dist/supergraph/planner/prepared-supergraph.js');
    expect(exportsOf(file ?? '')).toContain('prepareSupergraph');
    expect(exportsOf(file ?? '')).not.toContain('prepareNothing');
  });
});

function listPrograms(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : listPrograms(file);
    return entry.name.endsWith('.mjs') ? [file] : [];
  });
}

interface Import {
  readonly from: string;
  readonly names: readonly string[];
}

/** Imports by a relative path, of names or of a whole file, also when it is begun as a process or read as text. */
function importsOf(program: string): Import[] {
  const text = readFileSync(path.join(ROOT, program), 'utf8');
  const named = [...text.matchAll(/import\s+(?:\{([^}]*)\}|[\w*\s]+)\s+from\s+'(\.{1,2}\/[^']+)'/g)];
  const whole = [...text.matchAll(/(?:import\s*\(?|new URL\()\s*'(\.{1,2}\/[^']+\.\w+)'/g)];
  return [
    ...named.map(([, names = '', from = '']) => ({ from, names: listNames(names) })),
    ...whole.map(([, from = '']) => ({ from, names: [] })),
  ];
}

/** The name that each has where it comes from. */
function listNames(names: string): string[] {
  return names
    .split(',')
    .map((name) => name.trim().split(/\s+/)[0] ?? '')
    .filter((name) => name !== '');
}

/** What is built is looked for in the sources: a file that was built before, and has moved, is still there. */
function sourceOf(file: string): string | null {
  const source = file.includes('/dist/') ? file.replace('/dist/', '/src/').replace(/\.js$/, '.ts') : file;
  return existsSync(path.join(ROOT, source)) ? source : null;
}

function exportsOf(file: string): Set<string> {
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  const declared = [...text.matchAll(/^export (?:async )?(?:function\*?|const|let|class|enum) (\w+)/gm)];
  const listed = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim().split(/\s+/).at(-1) ?? ''),
  );
  return new Set([...declared.map(([, name = '']) => name), ...listed]);
}
