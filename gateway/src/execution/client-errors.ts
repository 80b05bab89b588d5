import { isErrorCode } from '@taskgraph/contracts';
import type { GraphQLFormattedError } from 'graphql';
import type { GatewayContext } from '../context.js';
import type { ExecutionError } from './fetch-errors.js';
import type { OperationResult } from './operation-result.js';
import type { Violation } from './response-writer.js';

/** Codes that say nothing to a client; so does the absence of one. */
const INTERNAL_CODES = new Set(['INTERNAL_SERVER_ERROR', 'DOWNSTREAM_SERVICE_ERROR']);
/** Members of `extensions` that tell of a subgraph's insides. */
const PRIVATE_EXTENSIONS = new Set(['serviceName', 'stacktrace', 'http', 'exception']);

type ErrorContext = Pick<GatewayContext, 'log' | 'requestId'>;

/**
 * The door through which errors of an execution leave the gateway. Coded errors of subgraphs pass with their extensions;
 * what has no code of meaning is a defect, and shows only the request id.
 */
export function toClientError(error: ExecutionError, context: ErrorContext): GraphQLFormattedError {
  const { message, path, subgraph, extensions = {} } = error;
  const { code } = extensions;
  if (typeof code !== 'string' || INTERNAL_CODES.has(code)) {
    context.log.error({ subgraph, path, message, extensions }, 'defect');
    return {
      message: 'Something went wrong on our side.',
      ...(path && { path }),
      extensions: {
        code: 'INTERNAL_SERVER_ERROR',
        requestId: context.requestId,
        ...(subgraph !== null && { subgraph }),
      },
    };
  }
  if (isErrorCode(code) && context.log.isLevelEnabled('debug')) context.log.debug({ code, path }, message);
  return {
    message,
    ...(path && { path }),
    extensions: Object.fromEntries(
      Object.entries(extensions).filter(([name, value]) => !PRIVATE_EXTENSIONS.has(name) && value !== undefined),
    ),
  };
}

/** What a subgraph answered does not fit the schema, and no error says why (GraphQL specification, 6.4.4). */
export function toViolationError(
  { message, path }: Violation,
  { log, requestId }: ErrorContext,
): GraphQLFormattedError {
  log.error({ path }, `a subgraph's answer does not fit the schema: ${message}`);
  return { message, path, extensions: { code: 'INTERNAL_SERVER_ERROR', requestId } };
}

/** What a client is told of a result: errors of fetches, or else positions that cannot hold what came. */
export function toClientErrors(
  { errors, violations }: Pick<OperationResult, 'errors' | 'violations'>,
  context: ErrorContext,
): readonly GraphQLFormattedError[] {
  if (errors.length > 0) return errors.map((error) => toClientError(error, context));
  return violations.length === 0 ? [] : violations.map((violation) => toViolationError(violation, context));
}
