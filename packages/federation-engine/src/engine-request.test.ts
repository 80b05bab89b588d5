import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { RequestContext } from './engine-request.js';
import { Fault } from './request/fault.js';
import { SILENT } from './request/log.js';

const open: RequestContext[] = [];

function begin(request: Partial<ConstructorParameters<typeof RequestContext>[0]> = {}, timeoutMs = 60_000) {
  const context = new RequestContext({ query: '{ a }', ...request }, SILENT, timeoutMs);
  open.push(context);
  return context;
}

afterEach(() => {
  for (const context of open.splice(0)) context.end();
});

describe('the context of a request', () => {
  it('ends with the signal of its client, for the reason that it has', () => {
    const client = new AbortController();
    const { signal } = begin({ signal: client.signal });
    expect(signal.aborted).toBe(false);
    const reason = new Error('gone');
    client.abort(reason);
    expect(signal).toMatchObject({ aborted: true, reason });
    expect(begin({ signal: client.signal }).signal).toMatchObject({ aborted: true, reason });
  });

  it('listens to its client no longer than it takes', () => {
    const client = new AbortController();
    const context = begin({ signal: client.signal });
    expect(getEventListeners(client.signal, 'abort')).toHaveLength(1);
    context.end();
    expect(getEventListeners(client.signal, 'abort')).toHaveLength(0);
  });

  it('ends when its time is up, and not when it has ended before', () => {
    jest.useFakeTimers();
    try {
      const late = begin({}, 50);
      const done = begin({}, 50);
      done.end();
      jest.advanceTimersByTime(51);
      expect(late.signal.reason).toBeInstanceOf(Fault);
      expect(late.signal.reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(done.signal.aborted).toBe(false);
    } finally {
      jest.useRealTimers();
    }
  });

  it('makes no signal of the platform', () => {
    const made = jest.spyOn(globalThis, 'AbortController');
    try {
      begin().cancel(new Error('enough'));
      expect(made).not.toHaveBeenCalled();
    } finally {
      made.mockRestore();
    }
  });

  it('has the id that it was given, or one that stays the same', () => {
    expect(begin({ requestId: 'mine' }).requestId).toBe('mine');
    const context = begin();
    expect(context.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(context.requestId).toBe(context.requestId);
    expect(begin().requestId).not.toBe(context.requestId);
  });
});
