import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openAppLog, type AppLog } from './app-log.js';
import { dataDirOf } from './data-dir.js';

describe('the screen of npm start', () => {
  let folder: string;
  let shown: string[];
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-app-log-'));
    shown = [];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = (isAskedFor = false) =>
    openAppLog(dataDirOf(folder), {
      screenLevel: 'warn',
      fileLevel: 'info',
      isAskedFor,
      show: (line) => void shown.push(line),
      paint: (_style, text) => text,
    });
  const slow = (log: AppLog) => log.of('gateway').warn({ plan: 'Fetch' }, 'slow operation');
  const late = (log: AppLog) => log.of('task').warn({ err: new Error('timeout expired') }, 'it is tried again');
  const told = (log: AppLog) => log.of('auth').warn({ code: 'UNAVAILABLE' }, 'busy');

  it('has, while it starts, what is for people, and no time-outs of what is tried again', async () => {
    const log = await open();
    for (const write of [slow, late, told]) write(log);
    expect(shown).toEqual([]);
    log.of('gateway').warn({ open: ['CORS_ORIGINS'] }, 'strangers can reach what is meant for development');
    log.of('gateway').error({ err: new Error('broken') }, 'defect');
    expect(shown).toEqual([expect.stringContaining('strangers'), expect.stringContaining('defect')]);
    await log.close();
    const file = await readFile(log.file, 'utf8');
    for (const text of ['slow operation', 'timeout expired', 'busy', 'strangers', 'defect'])
      expect(file).toContain(text);
  });

  it('has warnings of what fails once it runs, and still no plans', async () => {
    const log = await open();
    log.startIsOver();
    for (const write of [slow, late, told]) write(log);
    expect(shown).toEqual([expect.stringContaining('timeout expired'), expect.stringContaining('busy')]);
    await log.close();
  });

  it('has all of it for who asks for a level', async () => {
    const log = await open(true);
    for (const write of [slow, late, told]) write(log);
    expect(shown).toHaveLength(3);
    await log.close();
  });
});
