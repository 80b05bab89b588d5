import { describe, expect, it } from '@jest/globals';
import type { UpstreamAnswer } from './upstream.js';
import { createInFlight } from './in-flight.js';

function deferredAnswer() {
  let settle: (answer: UpstreamAnswer) => void = () => undefined;
  const calls: AbortSignal[] = [];
  const start = (signal: AbortSignal) => {
    calls.push(signal);
    return new Promise<UpstreamAnswer>((resolve, reject) => {
      settle = resolve;
      signal.addEventListener('abort', () => reject(new Error('cancelled')));
    });
  };
  return { calls, start, settle: () => settle({ status: 200, text: '{}', body: {}, headers: {}, sentAt: 0 }) };
}

const open = () => new AbortController();

describe('queries in flight', () => {
  it('are shared while they are under way, and not after', async () => {
    const { calls, start, settle } = deferredAnswer();
    const inFlight = createInFlight();
    const both = [inFlight.share('q', open(), start), inFlight.share('q', open(), start)];
    settle();
    expect((await Promise.all(both)).map(({ isOwn }) => isOwn)).toEqual([true, false]);
    void inFlight.share('q', open(), start);
    expect(calls).toHaveLength(2);
    settle();
  });

  it('are not joined across a mutation, begun or answered', () => {
    const { calls, start, settle } = deferredAnswer();
    const inFlight = createInFlight();
    const first = inFlight.share('q', open(), start);
    const end = inFlight.mutationStarts();
    const second = inFlight.share('q', open(), start);
    end();
    const third = inFlight.share('q', open(), start);
    expect(calls).toHaveLength(3);
    settle();
    for (const pending of [first, second, third]) pending.catch(() => undefined);
  });

  it('go on as long as somebody wants them', async () => {
    const { calls, start, settle } = deferredAnswer();
    const inFlight = createInFlight();
    const [one, two] = [open(), open()];
    const first = inFlight.share('q', one, start);
    const second = inFlight.share('q', two, start);
    one.abort(new Error('gone'));
    expect(calls[0]?.aborted).toBe(false);
    settle();
    await expect(first).rejects.toThrow('gone');
    expect((await second).isOwn).toBe(false);
  });

  it('are cancelled when nobody does', async () => {
    const { calls, start } = deferredAnswer();
    const inFlight = createInFlight();
    const [one, two] = [open(), open()];
    const both = [inFlight.share('q', one, start), inFlight.share('q', two, start)];
    one.abort(new Error('gone'));
    two.abort(new Error('gone too'));
    expect(calls[0]?.aborted).toBe(true);
    for (const pending of both) await expect(pending).rejects.toThrow();
  });
});
