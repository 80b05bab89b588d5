import { Fault, unavailable } from '../request/fault.js';
import type { GraphQLFormattedError } from 'graphql';

/** What a failed fetch tells the client. */
export function toFetchError(error: unknown, subgraph: string): { fault: Fault; formatted: GraphQLFormattedError } {
  const known = error instanceof Fault ? error : unavailable(subgraph, error);
  // The reason that an upload stream gave up is wrapped in the failure of the connection.
  const fault = known.cause instanceof Fault ? known.cause : known;
  return {
    fault,
    formatted: {
      message: fault.message,
      extensions: { ...fault.details, code: fault.code, ...(fault.reason !== undefined && { reason: fault.reason }) },
    },
  };
}
