import { describe, expect, it } from '@jest/globals';
import { merge, mergeAll } from './merge.js';

describe('merge', () => {
  it('joins objects and lists of equal length, and replaces everything else', () => {
    const target = { a: { x: 1 }, list: [{ x: 1 }, { x: 2 }], other: [1, 2], gone: { x: 1 } };
    merge(target, { a: { y: 2 }, list: [{ y: 1 }, null], other: [1], gone: null, fresh: 'f' });
    expect(target).toEqual({ a: { x: 1, y: 2 }, list: [{ x: 1, y: 1 }, null], other: [1], gone: null, fresh: 'f' });
  });

  it('does not reach the prototype', () => {
    const target: Record<string, unknown> = {};
    merge(target, JSON.parse('{"__proto__":{"polluted":true},"constructor":{"name":"x"}}') as Record<string, unknown>);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(target['constructor']).toEqual({ name: 'x' });
  });
});

describe('mergeAll', () => {
  it('lets objects stand in several places only where that is allowed', () => {
    const [first, second] = [{ id: 1 }, { id: 2 }] as Array<Record<string, unknown>>;
    const shared = new Set<object>();
    mergeAll([first, second] as never, { one: { x: 1 }, own: { y: [1] } }, (name) => name === 'one', shared);
    expect(first?.['one']).toBe(second?.['one']);
    expect(first?.['own']).toEqual(second?.['own']);
    expect(first?.['own']).not.toBe(second?.['own']);
    expect([...shared]).toEqual([first?.['one']]);
  });
});
