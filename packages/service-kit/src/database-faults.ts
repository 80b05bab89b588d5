import { AppError, unavailable } from './app-error.js';

/** SQLSTATE classes and codes that mean "not now" (PostgreSQL, appendix A). */
const UNAVAILABLE_SQLSTATES = /^(08...|53...|57P0[1-5]|25006)$/;
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);
/** Prisma's own: cannot reach, timed out, connection closed, pool time-out. */
const UNAVAILABLE_PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037']);
const UNAVAILABLE_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|terminating connection|the database system is (starting up|shutting down)|Can't reach database server|is not currently accepting connections|Connection refused|server has closed the connection|Unable to start a transaction in the given time/i;
const STATEMENT_TIMEOUT = '57014';

interface MaybeCoded {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly meta?: unknown;
  readonly originalCode?: unknown;
  readonly driverAdapterError?: unknown;
}

/**
 * Translates a failure of PostgreSQL to be there, or to answer in time, into a fault; null when the error is something
 * else. Looks through causes, because the driver, the adapter and Prisma each wrap what they get.
 */
export function toDatabaseFault(error: unknown, service: string): AppError | null {
  for (let current: unknown = error, depth = 0; isObject(current) && depth < 8; depth += 1) {
    const { code, originalCode, message, cause, meta, driverAdapterError } = current as MaybeCoded;
    for (const candidate of [code, originalCode]) {
      if (typeof candidate !== 'string') continue;
      if (candidate === STATEMENT_TIMEOUT) {
        return new AppError('DEADLINE_EXCEEDED', `The ${service} database did not answer in time.`, {
          cause: error,
          extensions: { subgraph: service },
        });
      }
      if (
        UNAVAILABLE_SQLSTATES.test(candidate) ||
        SOCKET_CODES.has(candidate) ||
        UNAVAILABLE_PRISMA_CODES.has(candidate)
      ) {
        return unavailable(service, error, 'DATABASE_UNAVAILABLE');
      }
    }
    if (typeof message === 'string' && UNAVAILABLE_MESSAGES.test(message))
      return unavailable(service, error, 'DATABASE_UNAVAILABLE');
    current = cause ?? driverAdapterError ?? (isObject(meta) ? (meta as MaybeCoded).driverAdapterError : undefined);
  }
  return null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
