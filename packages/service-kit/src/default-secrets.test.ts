import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { findDefaultSecrets } from './default-secrets.js';

const found = (value: string, env: NodeJS.ProcessEnv = {}) =>
  findDefaultSecrets(['A_SECRET'], { A_SECRET: value, ...env });

describe('a secret', () => {
  it.each([
    'change-me-to-something-with-32-characters',
    'replace_this_secret_in_production_please',
    'this-is-only-an-example-of-a-secret-value',
    'your-super-secret-key-of-32-characters!!',
    'x'.repeat(43),
    '0123456701234567012345670123456701234567',
    'DefaultSecretDefaultSecretDefaultSecret',
  ])('is refused where it stands for one: %s', (value) => {
    expect(found(value)).toEqual([expect.stringMatching(/^A_SECRET: .*openssl rand -hex 32$/)]);
    expect(found(value, { NODE_ENV: 'production' })).toHaveLength(1);
    expect(found(value, { NODE_ENV: 'development' })).toEqual([]);
  });

  it('is taken when it is random, in whatever digits', () => {
    for (let round = 0; round < 500; round += 1)
      for (const encoding of ['hex', 'base64', 'base64url'] as const)
        expect(found(randomBytes(32).toString(encoding))).toEqual([]);
  });

  it('is one by its name, that of the one before as well', () => {
    const env = { A_SECRET_PREVIOUS: '-'.repeat(32), A_URL: '-'.repeat(32) };
    expect(findDefaultSecrets(['A_SECRET', 'A_SECRET_PREVIOUS', 'A_URL'], env)).toHaveLength(1);
  });
});
