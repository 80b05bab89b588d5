import { PrismaPg } from '@prisma/adapter-pg';
import { TRANSACTION_TIMES, type TransactionTimes, type Tx } from '@taskgraph/service-kit';
import type pg from 'pg';
import { Prisma, PrismaClient } from './generated/prisma/client.js';

export type TaskDb = PrismaClient;
/** What reads and writes, inside a transaction or out of it. */
export type TaskDbClient = Prisma.TransactionClient;
export type TaskTx = Tx<TaskDbClient>;

/** Creates the client on a pool that the caller owns and ends. */
export function createTaskDb(pool: pg.Pool, times: TransactionTimes = TRANSACTION_TIMES): TaskDb {
  return new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: times });
}

/** Ids as one SQL parameter. */
export function uuidArray(ids: readonly string[]): Prisma.Sql {
  return Prisma.sql`${[...ids]}::uuid[]`;
}
