import { describe, expect, it } from '@jest/globals';
import { createBoundedQueue } from './fair-queue.js';

describe('a bounded queue', () => {
  it('takes one of each client in turn', () => {
    const queue = createBoundedQueue<string>(100, 'own');
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) expect(queue.add(item.charAt(0), item)).toBeNull();
    expect(Array.from({ length: 7 }, () => queue.take())).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', undefined]);
    expect(queue.size()).toBe(0);
  });

  it('drops the last of the client that has most', () => {
    const queue = createBoundedQueue<string>(3, 'own');
    for (const item of ['a1', 'a2', 'a3']) queue.add('a', item);
    expect(queue.add('a', 'a4')).toBe('a4');
    expect(queue.add('b', 'b1')).toBe('a3');
    expect(queue.add('c', 'c1')).toBe('a2');
    expect(queue.add('own', 'o1')).toBeNull();
    expect(queue.add('own', 'o2')).toBeNull();
    expect(queue.takeAll().sort()).toEqual(['a1', 'b1', 'c1', 'o1', 'o2']);
    expect(queue.size()).toBe(0);
  });
});
