import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createLeastCounted } from './least-counted.js';

it('finds one that counts least, as a look at all of them does', () => {
  const step = fc.oneof(
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), count: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), count: fc.constant(null) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [order, all] = [createLeastCounted(), new Map<string, number>()];
      for (const { id, count } of steps) {
        if (count === null) {
          order.delete(id);
          all.delete(id);
        } else {
          order.set(id, count);
          all.set(id, count);
        }
        const found = order.find();
        expect(found?.count ?? Infinity).toBe(Math.min(...all.values()));
        if (found) expect(all.get(found.id)).toBe(found.count);
      }
    }),
  );
});
