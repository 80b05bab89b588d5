import { AppError, traced, type Log, type Metrics } from '@taskgraph/service-kit';
import { Piscina } from 'piscina';
import type { PasswordStrength } from './password-strength.js';

export interface StrengthChecksOptions {
  /** Each holds the dictionaries: some 60 MB, as long as passwords come. */
  readonly threads: number;
  /** Passwords that may wait for a thread. */
  readonly maxWaiting: number;
  /**
   * From the question to the answer, a thread's start not counted. A password that takes longer costs its thread the life, so that others
   * are judged.
   */
  readonly timeoutMs: number;
  /** More for a password that comes before a thread has loaded its dictionaries. 10,000 when left out. */
  readonly startMs?: number;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** In the place of the thread's own code. */
  readonly entry?: URL;
}

/**
 * Judges passwords in threads of their own: anybody may have one judged, and one of 128 well chosen characters takes as long as hundreds of
 * other requests.
 */
export interface StrengthChecks {
  /**
   * Estimates how hard a password is to guess.
   *
   * @param personal what an attacker would try first: the user's name and address
   * @throws UNAVAILABLE with the reason `PASSWORD_CHECKS_BUSY` when too many wait or it takes too long; the reason of `signal`
   */
  estimate(password: string, personal: readonly string[], signal: AbortSignal): Promise<PasswordStrength>;
  close(): Promise<void>;
}

/** Compiled code, also where this file runs as it is written. */
const ENTRY = new URL('../../../dist/modules/passwords/password-strength.js', import.meta.url);
/** Loading the dictionaries takes a third of a second: threads are kept for a while. */
const IDLE_TIMEOUT_MS = 5 * 60 * 1000;
/** A third of a second, where nothing else wants the processor. */
const START_MS = 10_000;

export function createStrengthChecks({
  threads,
  maxWaiting,
  timeoutMs,
  startMs = START_MS,
  log,
  metrics,
  entry = ENTRY,
}: StrengthChecksOptions): StrengthChecks {
  const pool = new Piscina<{ password: string; personal: readonly string[] }, PasswordStrength>({
    filename: entry.href,
    name: 'judgePassword',
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_TIMEOUT_MS,
  });
  let underWay = 0;
  let isLoaded = false;
  const checks = metrics?.gauge(
    'taskgraph_auth_password_checks',
    'Passwords that a thread judges, or that wait for one.',
    ['state'],
  );
  if (checks)
    (checks as unknown as { collect: () => void }).collect = () => {
      checks.set({ state: 'active' }, Math.min(underWay, threads));
      checks.set({ state: 'waiting' }, Math.max(0, underWay - threads));
    };
  const busy = (cause?: unknown) =>
    new AppError('UNAVAILABLE', 'Too many passwords are being judged. Try again shortly.', {
      cause,
      reason: 'PASSWORD_CHECKS_BUSY',
      extensions: { subgraph: 'auth' },
    });

  return {
    async estimate(password, personal, signal) {
      signal.throwIfAborted();
      if (underWay >= threads + maxWaiting) throw busy();
      if (pool.threads.length === 0) isLoaded = false;
      const timeout = AbortSignal.timeout(isLoaded ? timeoutMs : timeoutMs + startMs);
      underWay += 1;
      try {
        // Not by the client's signal: it would end the thread, and a client that comes and goes would have dictionaries loaded all day.
        const run = () => pool.run({ password, personal }, { signal: timeout });
        const strength = await traced('judge password', undefined, run);
        isLoaded = true;
        return strength;
      } catch (error) {
        if (!timeout.aborted) throw error;
        isLoaded = false;
        log.warn({ characters: password.length, timeoutMs }, 'a password took too long to be judged');
        throw busy(error);
      } finally {
        underWay -= 1;
        signal.throwIfAborted();
      }
    },
    close: () => pool.destroy(),
  };
}
