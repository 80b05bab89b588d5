import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chooseFreePorts } from '@taskgraph/testkit';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Runs the gateway as it is started, with these settings and no others but those that it cannot do without, until it ends by itself. */
function run(
  env: Record<string, string>,
  { cwd, without = [] }: { readonly cwd?: string; readonly without?: readonly string[] } = {},
): Promise<{ readonly code: unknown; readonly said: string }> {
  return new Promise((resolve) => {
    const usable = { GATEWAY_PORT: '0', CLIENT_INFO_SECRET: 'of at least thirty-two characters', ENV_FILE: '' };
    const all = { PATH: process.env['PATH'], ...usable, ...env };
    const given = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
    const options = { ...(cwd !== undefined && { cwd }), env: given, timeout: 240_000 };
    execFile(process.execPath, [MAIN], options, (error, _stdout, stderr) =>
      resolve({ code: error?.code ?? error?.signal ?? 0, said: stderr }),
    );
  });
}

describe('a setting that cannot be used', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-settings-'));
    await writeFile(path.join(folder, 'file'), 'no manifest, and no folder');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each<[string, (folder: string) => Record<string, string>, string]>([
    ['a manifest that is not there', (at) => ({ SAFELIST_FILE: `${at}/nowhere` }), 'SAFELIST_FILE: .*nowhere'],
    ['a manifest that is none', (at) => ({ SAFELIST_FILE: `${at}/file` }), 'SAFELIST_FILE: .*file cannot be used'],
    ['a supergraph that is not there', (at) => ({ SUPERGRAPH_PATH: `${at}/nowhere` }), 'SUPERGRAPH_PATH: .*nowhere'],
    ['a folder that is none', (at) => ({ UPLOAD_SPOOL_DIR: `${at}/file/inside` }), 'UPLOAD_SPOOL_DIR: '],
    [
      'a subgraph that is not there',
      () => ({ SUBGRAPH_ERROR_MESSAGES: 'auth, nosuch' }),
      'SUBGRAPH_ERROR_MESSAGES: there is no subgraph nosuch, but auth, media, task',
    ],
    [
      'workers without a port for operators',
      () => ({ GATEWAY_WORKERS: '2' }),
      'GATEWAY_WORKERS: needs GATEWAY_OPERATIONS_PORT',
    ],
  ])('ends the process with 78 and a line that names it: %s', async (_what, env, line) => {
    const { code, said } = await run(env(folder));
    expect(said).toMatch(new RegExp(`^Invalid configuration:\\n {2}- ${line}[^\\n]*\\n$`));
    expect(code).toBe(78);
  });

  it('is told of the same where a file sets it, in the working directory or by its name', async () => {
    await writeFile(path.join(folder, '.env'), 'SUPERGRAPH_PATH=/nowhere/in-file\n');
    const named = await run({ ENV_FILE: path.join(folder, '.env') });
    expect(named.said).toContain('SUPERGRAPH_PATH: ');
    const here = await run({ GATEWAY_PORT: '0' }, { cwd: folder, without: ['ENV_FILE'] });
    expect(here.said).toContain('/nowhere/in-file');
    const byNpm = await run({ INIT_CWD: folder }, { without: ['ENV_FILE'] });
    expect(byNpm.said).toContain('/nowhere/in-file');
    const missing = await run({ ENV_FILE: path.join(folder, 'nothing') });
    expect(missing).toEqual({ code: 78, said: expect.stringContaining('nothing cannot be read (ENOENT)') });
  });

  it('is a port for operators that is the port of everybody', async () => {
    const [port] = await chooseFreePorts(1);
    const { code, said } = await run({ GATEWAY_PORT: String(port), GATEWAY_OPERATIONS_PORT: String(port) });
    expect(said).toContain(`GATEWAY_OPERATIONS_PORT: must be another port than GATEWAY_PORT (${port})`);
    expect(code).toBe(78);
  });
});
