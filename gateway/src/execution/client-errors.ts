import { unwrapResolverError } from '@apollo/server/errors';
import { isErrorCode, type ErrorCode } from '@taskgraph/contracts';
import { AppError } from '@taskgraph/service-kit';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { GatewayContext } from '../context.js';

/** Codes of Apollo's that say something about the request, by what they are here. */
const REQUEST_CODES: Readonly<Record<string, ErrorCode>> = {
  OPERATION_RESOLUTION_FAILURE: 'BAD_REQUEST',
  PERSISTED_QUERY_NOT_SUPPORTED: 'BAD_REQUEST',
  INVALID_GRAPHQL: 'GRAPHQL_PARSE_FAILED',
  MAX_RECURSIVE_SELECTIONS: 'OPERATION_REJECTED',
};

/** Codes of Apollo's, and the absence of one, that say nothing to a client. */
const INTERNAL_CODES = new Set(['INTERNAL_SERVER_ERROR', 'DOWNSTREAM_SERVICE_ERROR']);
/** Members of `extensions` that tell of our insides. */
const PRIVATE_EXTENSIONS = new Set(['serviceName', 'stacktrace', 'http', 'exception']);

/**
 * The one door through which errors leave the gateway. Coded errors of subgraphs pass with their extensions; what has no
 * code of meaning is a defect, here or there, and shows only the request id.
 */
export function toClientError(
  formatted: GraphQLFormattedError,
  error: unknown,
  context: Pick<GatewayContext, 'log' | 'requestId'>,
): GraphQLFormattedError {
  const original = unwrapResolverError(error);
  const place = {
    ...(formatted.locations && { locations: formatted.locations }),
    ...(formatted.path && { path: formatted.path }),
  };
  if (original instanceof AppError) {
    return {
      message: original.message,
      ...place,
      extensions: {
        ...original.details,
        code: original.code,
        ...(original.reason !== undefined && { reason: original.reason }),
      },
    };
  }
  const given = formatted.extensions?.['code'];
  const code = typeof given === 'string' ? (REQUEST_CODES[given] ?? given) : 'INTERNAL_SERVER_ERROR';
  const deliberate = original instanceof GraphQLError || isPlainError(original);
  if (!deliberate || INTERNAL_CODES.has(code)) return maskDefect(formatted, original, place, context);
  const extensions = Object.fromEntries(
    Object.entries(formatted.extensions ?? {}).filter(
      ([name, value]) => !PRIVATE_EXTENSIONS.has(name) && value !== undefined,
    ),
  );
  if (isErrorCode(code)) context.log.debug({ code, path: formatted.path }, formatted.message);
  return { message: formatted.message, ...place, extensions: { ...extensions, code } };
}

function maskDefect(
  formatted: GraphQLFormattedError,
  original: unknown,
  place: object,
  { log, requestId }: Pick<GatewayContext, 'log' | 'requestId'>,
): GraphQLFormattedError {
  const subgraph = formatted.extensions?.['serviceName'];
  log.error({ err: original, path: formatted.path, subgraph }, 'defect');
  return {
    message: 'Something went wrong on our side.',
    ...place,
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId, ...(typeof subgraph === 'string' && { subgraph }) },
  };
}

/** An error that came as data from a subgraph, and was not thrown by any code here. */
function isPlainError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && !(error instanceof Error);
}
