import { accountGone, AppError, unavailable } from './app-error.js';

type Verdict = 'unavailable' | 'too_slow' | 'busy' | 'account_gone';

/** SQLSTATE classes and codes that mean "not now" (PostgreSQL, appendix A). The first that matches counts. */
const SQLSTATES: ReadonlyArray<readonly [RegExp, Verdict]> = [
  // Statement, lock and transaction time-outs.
  [/^(57014|55P03|25P0[34])$/, 'too_slow'],
  // Raised by our own triggers, where something is written of a user whose account is gone.
  [/^TGE01$/, 'account_gone'],
  // Losers of conflicts, after the tries of `inTransaction`; whether a statement has completed is unknown.
  [/^(40001|40P01|40003)$/, 'busy'],
  // Connection, resources, operator intervention, system errors; read-only after a failover; credentials or databases that change
  // hands; what a pooler does not know of another's connection.
  [/^(08...|53...|57P0[1-5]|58...|25006|28...|3D000|26000)$/, 'unavailable'],
];
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'EAI_FAIL',
]);
/** Prisma's own (Prisma Client API reference, error codes). */
const PRISMA_CODES: Readonly<Record<string, Verdict>> = {
  P1000: 'unavailable',
  P1001: 'unavailable',
  P1002: 'unavailable',
  P1003: 'unavailable',
  P1008: 'unavailable',
  P1010: 'unavailable',
  P1011: 'unavailable',
  P1017: 'unavailable',
  P2024: 'unavailable',
  P2034: 'busy',
  P2037: 'unavailable',
};
/** What the driver adapter makes of some errors, without their code. */
const ADAPTER_KINDS: Readonly<Record<string, Verdict>> = {
  DatabaseNotReachable: 'unavailable',
  ConnectionClosed: 'unavailable',
  SocketTimeout: 'unavailable',
  TlsConnectionError: 'unavailable',
  TooManyConnections: 'unavailable',
  DatabaseDoesNotExist: 'unavailable',
  DatabaseAccessDenied: 'unavailable',
  AuthenticationFailed: 'unavailable',
  TransactionWriteConflict: 'busy',
};
/** Errors that the driver, its pool and Prisma raise by themselves, most of them without any code. */
const MESSAGES: ReadonlyArray<readonly [RegExp, Verdict]> = [
  [/cannot be executed on an expired transaction/i, 'too_slow'],
  // pg: the server does not even tell that a statement takes too long.
  [/Query read timeout/i, 'unavailable'],
  [/is not queryable|Connection (terminated|ended)|after calling end on the (pool|client)/i, 'unavailable'],
  [/timeout exceeded when trying to connect|timeout expired/i, 'unavailable'],
  [/terminating connection|the database system is (starting up|shutting down|in recovery)/i, 'unavailable'],
  [/Can't reach database server|is not currently accepting connections|Connection refused/i, 'unavailable'],
  [/server has closed the connection|Unable to start a transaction in the given time/i, 'unavailable'],
  [/does not support SSL connections|error establishing an SSL connection/i, 'unavailable'],
];

/** What each layer may say of an error. */
interface DescribedError {
  readonly code?: unknown;
  readonly originalCode?: unknown;
  readonly kind?: unknown;
  readonly message?: unknown;
  readonly originalMessage?: unknown;
  readonly cause?: unknown;
  readonly meta?: unknown;
  readonly driverAdapterError?: unknown;
}

const MAX_DEPTH = 8;

/**
 * Translates a failure of PostgreSQL to be there, or to answer in time, into a fault; null when the error is something
 * else. Looks through causes, because the driver, the adapter and Prisma each wrap what they get.
 */
export function toDatabaseFault(error: unknown, service: string): AppError | null {
  for (let current: unknown = error, depth = 0; isObject(current) && depth < MAX_DEPTH; depth += 1) {
    const verdict = judge(current);
    if (verdict) return toFault(verdict, error, service);
    const { cause, driverAdapterError, meta } = current as DescribedError;
    current = cause ?? driverAdapterError ?? (isObject(meta) ? (meta as DescribedError).driverAdapterError : undefined);
  }
  return null;
}

function judge({ code, originalCode, kind, message, originalMessage }: DescribedError): Verdict | null {
  for (const candidate of [code, originalCode]) {
    if (typeof candidate !== 'string') continue;
    if (SOCKET_CODES.has(candidate)) return 'unavailable';
    const verdict =
      (Object.hasOwn(PRISMA_CODES, candidate) ? PRISMA_CODES[candidate] : null) ?? find(SQLSTATES, candidate);
    if (verdict) return verdict;
  }
  if (typeof kind === 'string' && Object.hasOwn(ADAPTER_KINDS, kind)) return ADAPTER_KINDS[kind] ?? null;
  for (const text of [message, originalMessage]) {
    const verdict = typeof text === 'string' ? find(MESSAGES, text) : null;
    if (verdict) return verdict;
  }
  return null;
}

function find(table: ReadonlyArray<readonly [RegExp, Verdict]>, text: string): Verdict | null {
  return table.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

function toFault(verdict: Verdict, cause: unknown, service: string): AppError {
  switch (verdict) {
    case 'account_gone':
      return accountGone();
    case 'unavailable':
      return unavailable(service, cause, 'DATABASE_UNAVAILABLE');
    case 'busy':
      return unavailable(service, cause, 'DATABASE_BUSY');
    case 'too_slow':
      return new AppError('DEADLINE_EXCEEDED', `The ${service} database did not answer in time.`, {
        cause,
        reason: 'DATABASE_TOO_SLOW',
        extensions: { subgraph: service },
      });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
