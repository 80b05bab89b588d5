import { describe, expect, it } from '@jest/globals';
import { Cancellation, toAbortSignal } from './cancellation.js';

describe('a cancellation', () => {
  it('calls each of its listeners once, but for those that have gone', () => {
    const cancellation = new Cancellation();
    const called: string[] = [];
    const listeners = ['a', 'b', 'c', 'd'].map((name) => () => void called.push(name));
    for (const listener of listeners) cancellation.addEventListener('abort', listener);
    const object = { handleEvent: () => void called.push('object') };
    cancellation.addEventListener('abort', object);
    for (const gone of [listeners[1], listeners[3]]) cancellation.removeEventListener('abort', gone as () => void);
    cancellation.removeEventListener('abort', () => undefined);
    const reason = new Error('gone');
    cancellation.abort(reason);
    cancellation.abort(new Error('again'));
    expect(called.sort()).toEqual(['a', 'c', 'object']);
    expect(cancellation.reason).toBe(reason);
    expect(() => cancellation.throwIfAborted()).toThrow('gone');
  });

  it.each(['before', 'after'])('is a signal of the platform for who asks for one %s it', (when) => {
    const cancellation = new Cancellation();
    const before = when === 'before' ? toAbortSignal(cancellation) : null;
    expect(before?.aborted ?? false).toBe(false);
    const reason = new Error('gone');
    cancellation.abort(reason);
    const signal = toAbortSignal(cancellation);
    expect(signal).toBe(before ?? signal);
    expect(signal.reason).toBe(reason);
    const { signal: own } = new AbortController();
    expect(toAbortSignal(own)).toBe(own);
  });
});
