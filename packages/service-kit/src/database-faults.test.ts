import { describe, expect, it } from '@jest/globals';
import { toDatabaseFault } from './database-faults.js';

const failure = (code: string | undefined, message: string) => Object.assign(new Error(message), code && { code });
/** As the adapter and Prisma wrap what the driver tells. */
const wrapped = (cause: object) =>
  Object.assign(new Error('Invalid invocation'), {
    code: 'P2010',
    meta: { driverAdapterError: Object.assign(new Error('DriverAdapterError'), { cause }) },
  });

describe('a failure of the database', () => {
  it.each([
    ['nobody listens', failure('P1001', "Can't reach database server at 127.0.0.1:1")],
    ['there is no way to it', failure('ENETUNREACH', 'connect ENETUNREACH')],
    ['it starts', failure('57P03', 'the database system is starting up')],
    ['it goes away in the midst', failure(undefined, 'Connection terminated unexpectedly')],
    ['it hangs', failure(undefined, 'Query read timeout')],
    ['its connection was given up', failure(undefined, 'Client was closed and is not queryable')],
    ['its pool is closed', failure(undefined, 'Cannot use a pool after calling end on the pool')],
    ['it does not answer', failure('P2028', 'Transaction API error: Unable to start a transaction in the given time.')],
    ['an adapter tells of it', new Error('Raw query failed', { cause: failure('ECONNREFUSED', 'connect') })],
    ['an adapter tells its kind only', wrapped({ kind: 'ConnectionClosed' })],
    ['it has too many connections', wrapped({ kind: 'TooManyConnections', originalCode: '53300' })],
    ['its disk is full', failure('53100', 'could not extend file')],
    ['its disk is broken', failure('58030', 'could not read block')],
    ['it is read-only after a failover', failure('25006', 'cannot execute INSERT in a read-only transaction')],
    ['its password is being changed', failure('28P01', 'password authentication failed')],
    ['it is not there', failure('3D000', 'database "task" does not exist')],
    ['it speaks no TLS', failure(undefined, 'The server does not support SSL connections')],
  ])('is told from a defect when %s', (_what, error) => {
    expect(toDatabaseFault(error, 'task')).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
  });

  it.each([
    ['a deadlock', wrapped({ kind: 'TransactionWriteConflict', originalCode: '40P01' })],
    ['a conflict of transactions', failure('P2034', 'Transaction failed due to a write conflict or a deadlock')],
  ])('is to be tried again after %s', (_what, error) => {
    expect(toDatabaseFault(error, 'task')).toMatchObject({ code: 'UNAVAILABLE', reason: 'DATABASE_BUSY' });
  });

  it.each([
    ['a statement', wrapped({ kind: 'postgres', originalCode: '57014' })],
    ['a lock', failure('55P03', 'canceling statement due to lock timeout')],
    ['an idle transaction', failure('25P03', 'terminating connection due to idle-in-transaction timeout')],
    [
      'a transaction',
      failure('P2028', 'Transaction API error: A query cannot be executed on an expired transaction. The timeout …'),
    ],
  ])('is a deadline that %s has missed', (_what, error) => {
    expect(toDatabaseFault(error, 'task')).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DATABASE_TOO_SLOW' });
  });

  it.each([
    ['a rule that a row breaks', failure('23505', 'duplicate key value violates unique constraint')],
    [
      'a use after the end',
      failure('P2028', 'Transaction already closed: A query cannot be executed on a committed transaction.'),
    ],
    ['a statement that is none', failure('42601', 'syntax error at or near "SELEC"')],
    ['what is no error', 'nothing'],
    ['a member of every object', { kind: 'toString', code: 'constructor' }],
  ])('is not %s', (_what, error) => {
    expect(toDatabaseFault(error, 'task')).toBeNull();
  });
});
