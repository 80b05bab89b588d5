import { describe, expect, it } from '@jest/globals';
import { toDatabaseFault } from './database-faults.js';

const failure = (code: string | undefined, message: string) => Object.assign(new Error(message), code && { code });

describe('a failure of the database', () => {
  it.each([
    ['nobody listens', failure('P1001', "Can't reach database server at 127.0.0.1:1")],
    ['it starts', failure('57P03', 'the database system is starting up')],
    ['it goes away in the midst', failure(undefined, 'Connection terminated unexpectedly')],
    ['it does not answer', failure('P2028', 'Transaction API error: Unable to start a transaction in the given time.')],
    ['an adapter tells of it', new Error('Raw query failed', { cause: failure('ECONNREFUSED', 'connect') })],
  ])('is told from a defect when %s', (_what, error) => {
    expect(toDatabaseFault(error, 'task')).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
  });

  it.each([
    ['a rule that a row breaks', failure('23505', 'duplicate key value violates unique constraint')],
    ['a transaction that took too long', failure('P2028', 'Transaction API error: Transaction already closed')],
    ['what is no error', 'nothing'],
  ])('is not %s', (_what, error) => {
    expect(toDatabaseFault(error, 'task')).toBeNull();
  });
});
