import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CRUISER = path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const FOLDERS = ['packages', 'gateway', 'subgraphs', 'embedded', 'operator', 'examples'];

export const RULES = path.join(ROOT, '.dependency-cruiser.cjs');

export interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: string;
}

/** What the import rules of this repository say of files, by where they would stand in it, that hold this text and nothing else. */
export async function cruise(files: ReadonlyMap<string, string>): Promise<Violation[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-imports-'));
  try {
    await writeFile(
      path.join(folder, 'tsconfig.tests.json'),
      JSON.stringify({ compilerOptions: { module: 'NodeNext', moduleResolution: 'NodeNext' } }),
    );
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    for (const name of FOLDERS) await mkdir(path.join(folder, name));
    for (const [file, text] of files) {
      await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
      await writeFile(path.join(folder, file), text);
    }
    const parameters = [CRUISER, '--config', RULES, '--output-type', 'json', ...FOLDERS];
    const { stdout } = await run(process.execPath, parameters, { cwd: folder, maxBuffer: 64 * 2 ** 20 });
    const { summary } = JSON.parse(stdout) as {
      summary: { violations: Array<{ from: string; to: string; rule: { name: string } }> };
    };
    return summary.violations.map(({ from, to, rule }) => ({ from, to, rule: rule.name }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
