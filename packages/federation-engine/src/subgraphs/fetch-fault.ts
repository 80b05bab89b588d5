import { AppError, unavailable } from '@taskgraph/service-kit';
import type { GraphQLFormattedError } from 'graphql';

/** What a failed fetch tells the client. */
export function toFetchError(error: unknown, subgraph: string): { fault: AppError; formatted: GraphQLFormattedError } {
  const known = error instanceof AppError ? error : unavailable(subgraph, error);
  // The reason that an upload stream gave up is wrapped in the failure of the connection.
  const fault = known.cause instanceof AppError ? known.cause : known;
  return {
    fault,
    formatted: {
      message: fault.message,
      extensions: { ...fault.details, code: fault.code, ...(fault.reason !== undefined && { reason: fault.reason }) },
    },
  };
}
