import { describe, expect, it } from '@jest/globals';
import { deliver, type DeliveryOptions } from './delivery.js';
import { createSlots } from './subject-lanes.js';

const EVENT = {
  id: '019ac0de-7a11-7000-8000-000000000000',
  type: 'media.deleted.v1',
  source: 'media',
  subject: 'x',
  sequence: '1',
  time: '2026-01-31T12:00:00.000Z',
  data: {},
} as const;

const options = (more: Partial<DeliveryOptions> & Pick<DeliveryOptions, 'handle'>): DeliveryOptions => ({
  event: EVENT,
  attempt: 1,
  retryDelayMs: 0,
  slots: createSlots(1),
  isPatient: true,
  signal: new AbortController().signal,
  ...more,
});

describe('a delivery', () => {
  it.each([
    ['does not answer', new Error('Query read timeout')],
    ['is too slow', Object.assign(new Error('canceling statement'), { code: '57014' })],
    ['ends a transaction that took too long', new Error('A query cannot be executed on an expired transaction. …')],
    ['has dropped the connection', new Error('Client was closed and is not queryable')],
  ])('counts no try while the database %s', async (_what, failure) => {
    const attempts: number[] = [];
    const outcome = await deliver(
      options({
        async handle(_event, { attempt }) {
          attempts.push(attempt);
          if (attempts.length < 8) throw failure;
        },
      }),
    );
    expect(outcome).toEqual({ kind: 'handled' });
    expect(attempts).toEqual(Array(8).fill(1));
  });

  it('counts the tries of an event that its handler cannot bear', async () => {
    const outcome = await deliver(
      options({
        handle: async () => {
          throw new TypeError('no such thing');
        },
      }),
    );
    expect(outcome).toEqual({ kind: 'dead', attempts: 5, error: 'no such thing' });
  });
});
