import { describe, expect, it } from '@jest/globals';
import { createReadingTurns } from './reading-turns.js';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('documents to read', () => {
  it('are read one in each turn of the event loop, a client after the other', async () => {
    const turns = createReadingTurns(100, '');
    const order: string[] = [];
    const read = async (client: string, name: string) => {
      await turns.take(client);
      order.push(name);
    };
    const all = [
      read('greedy', 'g1'),
      read('greedy', 'g2'),
      read('greedy', 'g3'),
      read('modest', 'm1'),
      read('greedy', 'g4'),
    ];
    expect(turns.take('')).toBeNull();
    const seen: number[] = [];
    while (order.length < all.length) {
      await nextTurn();
      seen.push(order.length);
    }
    await Promise.all(all);
    expect(order).toEqual(['g1', 'g2', 'm1', 'g3', 'g4']);
    for (const [index, count] of seen.entries()) if (index > 0) expect(count - seen[index - 1]!).toBeLessThanOrEqual(1);
    await nextTurn();
    expect(turns.take('greedy')).toBeNull();
  });

  it('are refused beyond those that may wait: the last of the client that has most', async () => {
    const turns = createReadingTurns(2, '');
    expect(turns.take('greedy')).toBeNull();
    const [first, second] = [turns.take('greedy'), turns.take('greedy')];
    const modest = turns.take('modest');
    await expect(second).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'OVERLOADED',
      details: { retryAfter: 1 },
    });
    await Promise.all([first, modest]);
  });
});
