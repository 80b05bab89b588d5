import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLog, createMetrics } from '@taskgraph/service-kit';
import { sumOfMetric } from '@taskgraph/testkit';
import { createStrengthChecks, type StrengthChecks, type StrengthChecksOptions } from './strength-checks.js';

const log = createLog({ service: 'auth', level: 'silent' });
const calm = new AbortController().signal;

async function withChecks<Result>(
  options: Partial<StrengthChecksOptions>,
  use: (checks: StrengthChecks) => Promise<Result>,
): Promise<Result> {
  const checks = createStrengthChecks({ threads: 1, maxWaiting: 10, timeoutMs: 60_000, log, ...options });
  try {
    return await use(checks);
  } finally {
    await checks.close();
  }
}

describe('checks of passwords', () => {
  let folder: string;
  let entry: URL;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-strength-'));
    const file = path.join(folder, 'thread.mjs');
    // Judges at once, or never.
    await writeFile(
      file,
      `export async function judgePassword({ password }) {
         if (password === 'endless') for (;;);
         return { score: password.length, suggestions: [] };
       }`,
    );
    entry = pathToFileURL(file);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('are made in a thread, as they would be made here', async () => {
    await withChecks({}, async (checks) => {
      expect((await checks.estimate('seven green otters juggle', [], calm)).score).toBe(4);
      expect((await checks.estimate('password12', [], calm)).score).toBeLessThan(3);
      const personal = ['wilhelmina.brackenbury@example.com', 'Wilhelmina Brackenbury'];
      expect((await checks.estimate('wilhelminabrackenbury', personal, calm)).score).toBeLessThan(3);
    });
  });

  it('leave time for everything else, however a password is chosen', async () => {
    await withChecks({}, async (checks) => {
      await checks.estimate('the dictionaries are there', [], calm);
      let ticks = 0;
      const ticking = setInterval(() => (ticks += 1), 1);
      await Promise.all(Array.from({ length: 8 }, (_, index) => checks.estimate(hostile(index), [], calm)));
      clearInterval(ticking);
      // Judged here, nothing else would have had a turn before all of them were.
      expect(ticks).toBeGreaterThan(20);
    });
  });

  it('are refused when too many wait; a thread that does not come to an end is ended, and another goes on', async () => {
    const metrics = createMetrics('auth');
    const underWay = async () => {
      const text = await metrics.registry.metrics();
      return ['active', 'waiting'].map((state) => sumOfMetric(text, 'taskgraph_auth_password_checks', { state }));
    };
    await withChecks({ entry, maxWaiting: 2, timeoutMs: 9_000, startMs: 1_000, metrics }, async (checks) => {
      const waiting = Array.from({ length: 3 }, () => checks.estimate('endless', [], calm));
      const ends = Promise.allSettled(waiting);
      expect(await underWay()).toEqual([1, 2]);
      const first = await Promise.race([ends, checks.estimate('one more', [], calm).catch((error: unknown) => error)]);
      expect(first).toMatchObject({ code: 'UNAVAILABLE' });
      expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      expect(await checks.estimate('next', [], calm)).toEqual({ score: 4, suggestions: [] });
      expect(await underWay()).toEqual([0, 0]);
    });
  });

  it('do not count the start of a thread as time that a password takes', async () => {
    await withChecks({ timeoutMs: 1, startMs: 60_000 }, async (checks) => {
      expect((await checks.estimate('seven green otters juggle', [], calm)).score).toBe(4);
    });
  });

  it('are not begun for a client that has left', async () => {
    await withChecks({ entry }, async (checks) => {
      const left = AbortSignal.abort(new Error('the client has left'));
      await expect(checks.estimate('next', [], left)).rejects.toThrow('the client has left');
    });
  });
});

/** Patterns in patterns, each time others: what costs zxcvbn most. */
function hostile(index: number): string {
  return `p4$$w0rd1!${index}`.repeat(12).slice(0, 128);
}
