import type { GraphQLFormattedError } from 'graphql';
import type { SubgraphAnswer } from './subgraph-client.js';

/**
 * Reads a subgraph's JSON as the answer to a GraphQL request; null when it is none. What is wrong in one error does not cost
 * the rest: the engine relies on the shape of what comes from here.
 */
export function readAnswer(body: unknown): Pick<SubgraphAnswer, 'data' | 'errors'> | null {
  if (!isObject(body)) return null;
  const { data, errors } = body;
  if (data === undefined && !Array.isArray(errors)) return null;
  if (data !== undefined && data !== null && !isObject(data)) return null;
  if (errors === undefined || errors === null) return { data: data ?? null, errors: NO_ERRORS };
  if (!Array.isArray(errors)) return null;
  return { data: data ?? null, errors: errors.map(readError) };
}

const NO_ERRORS: readonly GraphQLFormattedError[] = [];

function readError(error: unknown): GraphQLFormattedError {
  const { message, path, extensions } = isObject(error) ? error : {};
  return {
    message: typeof message === 'string' ? message : 'The subgraph tells of an error without a message.',
    ...(isPath(path) && { path }),
    ...(isObject(extensions) && { extensions }),
  };
}

function isPath(path: unknown): path is ReadonlyArray<string | number> {
  return Array.isArray(path) && path.every((element) => typeof element === 'string' || typeof element === 'number');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
