import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ConfigError } from './config-error.js';
import { parseConfig, processSettings, settings } from './settings.js';

const schema = z.object({
  ...processSettings,
  TASK_PORT: settings.port(3002),
  TASK_DATABASE_URL: settings.postgresUrl(),
  MEDIA_URL: settings.urls('http://127.0.0.1:3003'),
  SEED_DEMO: settings.flag(false),
});

describe('parseConfig', () => {
  it('fills in defaults and takes an empty setting for an unset one', () => {
    const config = parseConfig(schema, {
      TASK_DATABASE_URL: 'postgresql://localhost/task',
      TASK_PORT: '',
      SEED_DEMO: '1',
    });

    expect(config).toMatchObject({
      HOST: '127.0.0.1',
      TASK_PORT: 3002,
      LOG_LEVEL: 'info',
      SEED_DEMO: true,
      MEDIA_URL: 'http://127.0.0.1:3003',
    });
  });

  it('warns of what is nearly a setting, and asks whether it is meant where the setting is missing', () => {
    const warnings: string[] = [];
    const env = { TASK_DATABASE_URL: 'postgresql://localhost/task', TASK_PROT: '1', PATH: '/bin', TASKS: '1' };
    parseConfig(schema, env, (text) => void warnings.push(text));
    expect(warnings).toEqual(['TASK_PROT is no setting. Did you mean TASK_PORT?']);
    expect(() => parseConfig(schema, { TASK_DATABASE_URI: 'postgresql://localhost/task' })).toThrow(
      /TASK_DATABASE_URL is required: .* \(TASK_DATABASE_URI is set: is it meant\?\)/,
    );
  });

  it('takes a list of addresses, each of which is one', () => {
    const read = (MEDIA_URL: string) =>
      parseConfig(schema, { TASK_DATABASE_URL: 'postgresql://localhost/task', MEDIA_URL }).MEDIA_URL;
    const two = 'http://one:3003,https://two';
    expect(read(two)).toBe(two);
    for (const wrong of ['http://one:3003,two:3003', 'http://one,ftp://two', ',', 'http://one,http://'])
      expect(() => read(wrong)).toThrow('MEDIA_URL: must be');
  });

  it('takes for a host what can be listened at, and can stand in a URL', () => {
    const schema = z.object({ HOST: settings.host() });
    for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::', 'localhost', 'my-host.example.com', 'my_container'])
      expect(parseConfig(schema, { HOST: host })).toEqual({ HOST: host });
    for (const host of ['999.1.1.1', 'a b', 'http://localhost', 'localhost:3000', '[::1]', '-'])
      expect(() => parseConfig(schema, { HOST: host })).toThrow('HOST: must be an address of this machine');
  });

  it('reports all faults together, each with the name of its setting', () => {
    const read = () => parseConfig(schema, { TASK_PORT: '70000', LOG_LEVEL: 'loud', MEDIA_URL: 'media' });

    expect(read).toThrow(ConfigError);
    try {
      read();
    } catch (error) {
      expect((error as ConfigError).faults).toEqual([
        'LOG_LEVEL: must be one of fatal, error, warn, info, debug, trace, silent',
        'TASK_PORT: must be at most 65535',
        expect.stringMatching(/^TASK_DATABASE_URL is required/),
        'MEDIA_URL: must be an http(s) URL, or several with commas between them',
      ]);
    }
  });
});
