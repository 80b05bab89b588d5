import { setTimeout as delay } from 'node:timers/promises';
import { assertInTime } from './request-deadline.js';

declare const transactionBrand: unique symbol;

/** A database client inside a transaction. Only {@link inTransaction} makes one, so what asks for it cannot run outside. */
export type Tx<Client> = Client & { readonly [transactionBrand]: true };

interface TransactionOptions {
  readonly isolationLevel?: 'ReadCommitted' | 'RepeatableRead' | 'Serializable';
  /** That of the client when absent. */
  readonly timeoutMs?: number;
  /** 1 for work that has effects outside the database. */
  readonly tries?: number;
}

/** The part of a Prisma client that opens interactive transactions. */
export interface TransactionalClient<Client> {
  $transaction<Result>(
    work: (client: Client) => Promise<Result>,
    options?: { maxWait?: number; timeout?: number; isolationLevel?: never },
  ): Promise<Result>;
}

/** How long a transaction may wait for a connection, and last, as Prisma's client takes it. */
export interface TransactionTimes {
  readonly maxWait: number;
  readonly timeout: number;
}

export const TRANSACTION_TIMES: TransactionTimes = { maxWait: 5_000, timeout: 10_000 };

/** Of a process: a transaction waits for a connection as whatever else does, and ends no sooner than one statement may. */
export function transactionTimes(config: {
  readonly DB_CONNECT_TIMEOUT_MS: number;
  readonly DB_STATEMENT_TIMEOUT_MS: number;
}): TransactionTimes {
  return {
    maxWait: config.DB_CONNECT_TIMEOUT_MS,
    timeout: Math.max(TRANSACTION_TIMES.timeout, config.DB_STATEMENT_TIMEOUT_MS),
  };
}

const MAX_TRIES = 3;
/** Serialization failure and deadlock (PostgreSQL); write conflict (Prisma). */
const RETRYABLE_CODES = new Set(['40001', '40P01', 'P2034']);

/**
 * Runs `work` in one transaction, again when PostgreSQL picked it as the loser of a deadlock or of a serialization
 * conflict, so `work` must have no effect outside the database, unless there is one try only.
 *
 * @throws AppError DEADLINE_EXCEEDED when it is done for a mutation whose client has given up meanwhile; nothing is changed then
 */
export async function inTransaction<Client, Result>(
  client: TransactionalClient<Client>,
  work: (tx: Tx<Client>) => Promise<Result>,
  { isolationLevel, timeoutMs, tries = MAX_TRIES }: TransactionOptions = {},
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.$transaction(
        async (tx) => {
          assertInTime();
          const result = await work(tx as Tx<Client>);
          // It may have waited for a lock, or the whole process may have been stopped.
          assertInTime();
          return result;
        },
        {
          ...(timeoutMs !== undefined && { timeout: timeoutMs }),
          ...(isolationLevel && { isolationLevel: isolationLevel as never }),
        },
      );
    } catch (error) {
      if (attempt >= tries || !isTransactionConflict(error)) throw error;
      await delay(Math.random() * 20 * attempt);
    }
  }
}

function isTransactionConflict(error: unknown): boolean {
  for (
    let current: unknown = error, depth = 0;
    typeof current === 'object' && current !== null && depth < 8;
    depth += 1
  ) {
    const { code, originalCode, cause, meta, kind } = current as Record<string, unknown>;
    if (
      RETRYABLE_CODES.has(String(code)) ||
      RETRYABLE_CODES.has(String(originalCode)) ||
      kind === 'TransactionWriteConflict'
    )
      return true;
    current =
      cause ??
      (typeof meta === 'object' && meta !== null ? (meta as Record<string, unknown>)['driverAdapterError'] : undefined);
  }
  return false;
}
