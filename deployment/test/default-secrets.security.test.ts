import { execFile } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PROCESSES } from './processes.js';
import { ROOT } from './repository.js';

const PLACEHOLDER = 'change-me-to-something-with-32-characters';
const GOOD = 'f3b1c07ad95e4826b0d7f1a2c3958e64d7a9b0c1e2f3a4b5';
const DATABASE = 'postgresql://127.0.0.1:1/nothing';

/** Every secret of every process, by the names of its settings. */
const SECRETS = PROCESSES.flatMap(({ name, settings }) =>
  [...settings].filter((setting) => /_SECRET(_PREVIOUS)?$/.test(setting)).map((setting) => [name, setting] as const),
);

describe('in production', () => {
  it('there are secrets', () => {
    expect(SECRETS.length).toBeGreaterThan(8);
  });

  it.each(SECRETS)('%s does not start with a %s that stands for one: 78, and its name', async (name, setting) => {
    const secrets = Object.fromEntries(SECRETS.filter(([of]) => of === name).map(([, secret]) => [secret, GOOD]));
    const env = {
      PATH: process.env['PATH'],
      ENV_FILE: '',
      NODE_ENV: 'production',
      [`${name.toUpperCase()}_DATABASE_URL`]: DATABASE,
      ...secrets,
      [setting]: PLACEHOLDER,
    };
    const entry = path.join(ROOT, name === 'gateway' ? 'gateway/dist/main.js' : `subgraphs/${name}/dist/main.js`);
    const { code, said } = await new Promise<{ code: unknown; said: string }>((resolve) =>
      execFile(process.execPath, [entry], { env, timeout: 240_000 }, (error, _stdout, stderr) =>
        resolve({ code: error?.code ?? error?.signal ?? 0, said: stderr }),
      ),
    );
    expect(said).toBe(
      `Invalid configuration:\n  - ${setting}: is no secret but stands for one; make one with: openssl rand -hex 32\n`,
    );
    expect(said).not.toContain(PLACEHOLDER);
    expect(code).toBe(78);
  });
});
