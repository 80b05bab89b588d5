/** What a code means to a client, to an HTTP client of the façade and to the operator. */
export interface ErrorCodeEntry {
  readonly meaning: string;
  /** Status of an HTTP response that carries only this error (REST routes, refused requests). */
  readonly httpStatus: number;
  /** Whether the same request may succeed when sent again without a change. */
  readonly retryable: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** Every value that `extensions.code` can take. `docs/errors.md` is held equal to this table by a test. */
export const ERROR_CODES = {
  BAD_USER_INPUT: {
    meaning: 'An argument or variable has a value that the field does not accept.',
    httpStatus: 400,
    retryable: false,
    logLevel: 'info',
  },
  UNAUTHENTICATED: {
    meaning: 'The field needs a signed-in user and the request carries no valid access token.',
    httpStatus: 401,
    retryable: false,
    logLevel: 'info',
  },
  FORBIDDEN: {
    meaning: 'The user is known and may see the thing, but may not do this with it.',
    httpStatus: 403,
    retryable: false,
    logLevel: 'info',
  },
  NOT_FOUND: {
    meaning: 'There is no such thing, or none that this user may see.',
    httpStatus: 404,
    retryable: false,
    logLevel: 'info',
  },
  CONFLICT: {
    meaning: 'The request contradicts the present state.',
    httpStatus: 409,
    retryable: false,
    logLevel: 'info',
  },
  RATE_LIMITED: {
    meaning: 'Too many requests; `extensions.retryAfter` says how many seconds to wait.',
    httpStatus: 429,
    retryable: true,
    logLevel: 'info',
  },
  UNAVAILABLE: {
    meaning: 'A service that the answer needs cannot be reached; `extensions.subgraph` names it.',
    httpStatus: 503,
    retryable: true,
    logLevel: 'warn',
  },
  DEADLINE_EXCEEDED: {
    meaning: 'The answer did not arrive within the time allowed.',
    httpStatus: 504,
    retryable: true,
    logLevel: 'warn',
  },
  GRAPHQL_PARSE_FAILED: {
    meaning: 'The document is not GraphQL.',
    httpStatus: 400,
    retryable: false,
    logLevel: 'info',
  },
  GRAPHQL_VALIDATION_FAILED: {
    meaning: 'The document does not fit the schema.',
    httpStatus: 400,
    retryable: false,
    logLevel: 'info',
  },
  PERSISTED_QUERY_NOT_FOUND: {
    meaning: 'No document is stored under this hash; send it in full.',
    httpStatus: 200,
    retryable: false,
    logLevel: 'debug',
  },
  OPERATION_REJECTED: {
    meaning: 'The operation is over a limit of this gateway, or not of a kind that it serves.',
    httpStatus: 400,
    retryable: false,
    logLevel: 'info',
  },
  COST_ESTIMATED_TOO_EXPENSIVE: {
    meaning:
      'The answer may be larger, or take more work, than one operation is allowed; `extensions.cost` says by how much.',
    httpStatus: 400,
    retryable: false,
    logLevel: 'info',
  },
  BAD_REQUEST: {
    meaning: 'The HTTP request is not a GraphQL request.',
    httpStatus: 400,
    retryable: false,
    logLevel: 'info',
  },
  INTERNAL_SERVER_ERROR: {
    meaning: 'A defect on our side; `extensions.requestId` finds it in the log.',
    httpStatus: 500,
    retryable: false,
    logLevel: 'error',
  },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}
