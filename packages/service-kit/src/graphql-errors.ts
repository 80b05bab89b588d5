import { ERROR_CODES, isErrorCode, type ErrorCode } from '@taskgraph/contracts';
import { unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { AppError } from './app-error.js';
import { toDatabaseFault } from './database-faults.js';
import type { Log } from './log.js';

/** Apollo Server's own codes, by what they are here. */
const CODES_OF_APOLLO: Readonly<Record<string, ErrorCode>> = {
  GRAPHQL_PARSE_FAILED: 'GRAPHQL_PARSE_FAILED',
  GRAPHQL_VALIDATION_FAILED: 'GRAPHQL_VALIDATION_FAILED',
  BAD_USER_INPUT: 'BAD_USER_INPUT',
  BAD_REQUEST: 'BAD_REQUEST',
  OPERATION_RESOLUTION_FAILURE: 'BAD_REQUEST',
  PERSISTED_QUERY_NOT_FOUND: 'PERSISTED_QUERY_NOT_FOUND',
  PERSISTED_QUERY_NOT_SUPPORTED: 'BAD_REQUEST',
};

export interface ErrorContext {
  readonly log: Log;
  readonly requestId: string;
  /** Names this service in UNAVAILABLE errors about its own database. */
  readonly service: string;
}

/**
 * The one place where errors leave: a fault keeps its message and code, everything else is a defect that is
 * logged with its stack and shown only as INTERNAL_SERVER_ERROR with the request id.
 */
export function toClientError(
  formatted: GraphQLFormattedError,
  error: unknown,
  errorContext: ErrorContext,
): GraphQLFormattedError {
  const original = faultOf(error);
  const place = {
    ...(formatted.locations && { locations: formatted.locations }),
    ...(formatted.path && { path: formatted.path }),
  };

  const fault = original instanceof AppError ? original : toDatabaseFault(original, errorContext.service);
  if (fault) {
    logFault(fault, formatted, errorContext);
    const extensions = {
      ...fault.details,
      code: fault.code,
      ...(fault.reason !== undefined && { reason: fault.reason }),
      ...refinement(fault.code, errorContext),
    };
    return { message: fault.message, ...place, extensions };
  }

  const code = protocolCode(original, formatted);
  if (code) {
    errorContext.log.debug({ code, message: formatted.message }, 'request refused');
    return { message: formatted.message, ...place, extensions: { code } };
  }

  errorContext.log.error({ err: original, path: formatted.path }, 'defect');
  return {
    message: 'Something went wrong on our side.',
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: errorContext.requestId },
  };
}

/** What was thrown, by a resolver or, without a path, before any of them was called. */
function faultOf(error: unknown): unknown {
  const original = unwrapResolverError(error);
  return original instanceof GraphQLError && original.originalError instanceof AppError
    ? original.originalError
    : original;
}

/** The same error of the GraphQL machinery, at the same place, with a code: graphql-js itself gives none. */
export function withCode(error: GraphQLError, code: ErrorCode): GraphQLError {
  const { nodes = null, source = null, positions = null, path = null } = error;
  return new GraphQLError(error.message, { nodes, source, positions, path, extensions: { code } });
}

function refinement(code: ErrorCode, errorContext: ErrorContext): { requestId?: string } {
  return code === 'INTERNAL_SERVER_ERROR' ? { requestId: errorContext.requestId } : {};
}

/** The code of an error that the GraphQL machinery itself raises about the request, null for one about our code. */
function protocolCode(original: unknown, formatted: GraphQLFormattedError): ErrorCode | null {
  // A resolver's TypeError never has a code; only a GraphQLError that was raised on purpose does.
  if (!(original instanceof GraphQLError)) return null;
  const given = formatted.extensions?.['code'];
  const mapped =
    typeof given === 'string' && Object.hasOwn(CODES_OF_APOLLO, given) ? CODES_OF_APOLLO[given] : undefined;
  if (mapped) return mapped;
  if (typeof given === 'string' && isErrorCode(given) && given !== 'INTERNAL_SERVER_ERROR') return given;
  return isAboutVariables(original) ? 'BAD_USER_INPUT' : null;
}

/**
 * An error of graphql-js without a path, that no resolver threw, is about the variables: all else of the request was checked before.
 * It gives none a code, and Apollo Server only some: not the one that there are too many of them.
 */
function isAboutVariables({ path, originalError }: GraphQLError): boolean {
  return path === undefined && (originalError === undefined || originalError instanceof GraphQLError);
}

function logFault(fault: AppError, formatted: GraphQLFormattedError, { log }: ErrorContext): void {
  const level = ERROR_CODES[fault.code].logLevel;
  const facts = { code: fault.code, reason: fault.reason, path: formatted.path };
  log[level](fault.cause === undefined ? facts : { ...facts, err: fault.cause }, fault.message);
}
