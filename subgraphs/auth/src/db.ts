import { PrismaPg } from '@prisma/adapter-pg';
import { TRANSACTION_TIMES, type TransactionTimes, type Tx } from '@taskgraph/service-kit';
import type pg from 'pg';
import { PrismaClient, type Prisma } from './generated/prisma/client.js';

export type AuthDb = PrismaClient;
/** What reads and writes, inside a transaction or out of it. */
export type AuthDbClient = Prisma.TransactionClient;
export type AuthTx = Tx<AuthDbClient>;

/** Creates the client on a pool that the caller owns and ends. */
export function createAuthDb(pool: pg.Pool, times: TransactionTimes = TRANSACTION_TIMES): AuthDb {
  return new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: times });
}

const UNIQUE_VIOLATION = 'P2002';

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === UNIQUE_VIOLATION;
}
