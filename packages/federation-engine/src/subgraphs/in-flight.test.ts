import { describe, expect, it } from '@jest/globals';
import type { UpstreamAnswer } from './single-upstream.js';
import type { CancelSignal } from '../request/cancellation.js';
import { createInFlight, type Query } from './in-flight.js';

function deferredAnswer() {
  let settle: (answer: UpstreamAnswer) => void = () => undefined;
  const calls: CancelSignal[] = [];
  const start = (signal: CancelSignal) => {
    calls.push(signal);
    return new Promise<UpstreamAnswer>((resolve, reject) => {
      settle = resolve;
      signal.addEventListener('abort', () => reject(new Error('cancelled')));
    });
  };
  return { calls, start, settle: () => settle({ status: 200, text: '{}', body: {}, headers: {}, sentAt: 0 }) };
}

const open = () => ({ signal: new AbortController().signal });
const QUERY: Query = { service: {}, authorization: 'Bearer a', scope: undefined, body: 'q' };

describe('queries in flight', () => {
  it('are shared while they are under way, and not after', async () => {
    const { calls, start, settle } = deferredAnswer();
    const inFlight = createInFlight();
    const both = [inFlight.share(QUERY, open(), start), inFlight.share(QUERY, open(), start)];
    settle();
    expect((await Promise.all(both)).map(({ isOwn }) => isOwn)).toEqual([true, false]);
    void inFlight.share(QUERY, open(), start);
    expect(calls).toHaveLength(2);
    settle();
  });

  it.each([
    ['another service', { service: {} }],
    ['another token', { authorization: 'Bearer b' }],
    ['no token', { authorization: undefined }],
    ['another scope', { scope: 'tenant' }],
    ['another body of the same length', { body: 'r' }],
  ])('are not shared with those of %s', async (_what, change: Partial<Query>) => {
    const { calls, start } = deferredAnswer();
    const inFlight = createInFlight();
    const leave = new AbortController();
    const queries = [QUERY, { ...QUERY, ...change }, { ...QUERY, body: 'longer' }, QUERY, { ...QUERY, ...change }];
    const all = queries.map((query) => inFlight.share(query, leave, start));
    expect(calls).toHaveLength(3);
    leave.abort(new Error('gone'));
    for (const pending of all) await expect(pending).rejects.toThrow('gone');
    expect(calls.every(({ aborted }) => aborted)).toBe(true);
  });

  it('take turns of any order: who lands first is not joined, and the others are', async () => {
    const inFlight = createInFlight();
    const settles: Array<() => void> = [];
    const start = () =>
      new Promise<UpstreamAnswer>((resolve) => {
        settles.push(() => resolve({ status: 200, text: '{}', body: {}, headers: {}, sentAt: 0 }));
      });
    const bodies = ['a', 'b', 'c'];
    const share = (body: string) => inFlight.share({ ...QUERY, body }, open(), start);
    for (const landed of [0, 1, 2]) {
      const begun = settles.length;
      const all = bodies.map(share);
      expect(settles).toHaveLength(begun + 3);
      settles[begun + landed]?.();
      expect((await all[landed])?.isOwn).toBe(true);
      const again = bodies.map(share);
      // The one that has landed has been started anew.
      expect(settles).toHaveLength(begun + 4);
      for (const settle of settles.slice(begun)) settle();
      const owners = (await Promise.all(again)).map(({ isOwn }) => isOwn);
      expect(owners).toEqual(bodies.map((_, index) => index === landed));
      await Promise.all(all);
    }
  });

  it('are not joined across a mutation, begun or answered', () => {
    const { calls, start, settle } = deferredAnswer();
    const inFlight = createInFlight();
    const first = inFlight.share(QUERY, open(), start);
    const end = inFlight.mutationStarts();
    const second = inFlight.share(QUERY, open(), start);
    end();
    const third = inFlight.share(QUERY, open(), start);
    expect(calls).toHaveLength(3);
    settle();
    for (const pending of [first, second, third]) pending.catch(() => undefined);
  });

  it('go on as long as somebody wants them', async () => {
    const { calls, start, settle } = deferredAnswer();
    const inFlight = createInFlight();
    const [one, two] = [new AbortController(), new AbortController()];
    const first = inFlight.share(QUERY, one, start);
    const second = inFlight.share(QUERY, two, start);
    one.abort(new Error('gone'));
    expect(calls[0]?.aborted).toBe(false);
    settle();
    await expect(first).rejects.toThrow('gone');
    expect((await second).isOwn).toBe(false);
  });

  it('are cancelled when nobody does', async () => {
    const { calls, start } = deferredAnswer();
    const inFlight = createInFlight();
    const [one, two] = [new AbortController(), new AbortController()];
    const both = [inFlight.share(QUERY, one, start), inFlight.share(QUERY, two, start)];
    one.abort(new Error('gone'));
    two.abort(new Error('gone too'));
    expect(calls[0]?.aborted).toBe(true);
    for (const pending of both) await expect(pending).rejects.toThrow();
  });
});
