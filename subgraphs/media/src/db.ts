import { PrismaPg } from '@prisma/adapter-pg';
import { TRANSACTION_TIMES, type TransactionTimes, type Tx } from '@taskgraph/service-kit';
import type pg from 'pg';
import { Prisma, PrismaClient } from './generated/prisma/client.js';

export type MediaDb = PrismaClient;
/** What reads and writes, inside a transaction or out of it. */
export type MediaDbClient = Prisma.TransactionClient;
export type MediaTx = Tx<MediaDbClient>;

/** Creates the client on a pool that the caller owns and ends. */
export function createMediaDb(pool: pg.Pool, times: TransactionTimes = TRANSACTION_TIMES): MediaDb {
  return new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: times });
}

/** Ids as one SQL parameter. */
export function uuidArray(ids: readonly string[]): Prisma.Sql {
  return Prisma.sql`${[...ids]}::uuid[]`;
}
