import { setTimeout as delay } from 'node:timers/promises';

/** Waits for something, but not for ever. */
export async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  const giveUp = new AbortController();
  await Promise.race([work, delay(timeoutMs, undefined, { signal: giveUp.signal }).catch(() => undefined)]);
  giveUp.abort();
}
