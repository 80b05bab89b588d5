import { describe, expect, it } from '@jest/globals';
import { readEmbeddedConfig } from './config.js';

describe('demo accounts', () => {
  it.each<[Record<string, string>, boolean]>([
    [{}, true],
    [{ HOST: '127.0.0.1' }, true],
    [{ HOST: '::1' }, true],
    [{ HOST: 'localhost' }, true],
    [{ HOST: '0.0.0.0' }, false],
    [{ HOST: '::' }, false],
    [{ HOST: '192.168.1.20' }, false],
    [{ HOST: '0.0.0.0', SEED_DEMO: '1' }, true],
    [{ SEED_DEMO: '0' }, false],
  ])('with %j are made: %s', (env, seedDemo) => {
    expect(readEmbeddedConfig('/', env).seedDemo).toBe(seedDemo);
  });
});
