import { describe, expect, it } from '@jest/globals';
import { parseEnv } from 'node:util';
import { PROCESSES } from './processes.js';
import { readText } from './repository.js';

const EXAMPLE = readText('.env.example');
const SECRET = 'a secret that is longer than thirty-two characters';
/** What must be set where a process runs by itself. */
const REQUIRED = {
  AUTH_DATABASE_URL: 'postgresql://127.0.0.1/auth',
  TASK_DATABASE_URL: 'postgresql://127.0.0.1/task',
  MEDIA_DATABASE_URL: 'postgresql://127.0.0.1/media',
  AUTH_KEY_ENCRYPTION_SECRET: SECRET,
  MEDIA_URL_SECRET: SECRET,
  CLIENT_INFO_SECRET: SECRET,
};

function settingsOf(text: string): Record<string, string> {
  const lines = Object.entries(parseEnv(text)).filter(([, value]) => value !== '');
  return { ...REQUIRED, ...(Object.fromEntries(lines) as Record<string, string>) };
}

describe.each(PROCESSES)('$name', ({ readConfig }) => {
  it('takes .env.example as it stands for what it does without', () => {
    expect(JSON.stringify(readConfig(settingsOf(EXAMPLE)))).toBe(JSON.stringify(readConfig(settingsOf(''))));
  });

  it('takes each line of .env.example, those that are commented out too', () => {
    expect(() => readConfig(settingsOf(EXAMPLE.replaceAll(/^# (?=[A-Z][A-Z0-9_]+=)/gm, '')))).not.toThrow();
  });
});
