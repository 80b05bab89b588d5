import type { GraphQLRequest } from '@taskgraph/federation-engine/internal/request/graphql-request.js';
import { parseJson } from '@taskgraph/service-kit';
import { badRequest, Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';

const NOTHING = Object.freeze({});

/** @throws Refusal when a member is of the wrong type */
export function readGraphQLRequest(body: unknown): GraphQLRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('The request body has to be a JSON object with a "query".');
  const { query, documentId, operationName, variables, extensions } = body as Record<string, unknown>;
  if (query !== undefined && query !== null && typeof query !== 'string')
    throw badRequest('"query" has to be a string.');
  if (documentId !== undefined && documentId !== null && typeof documentId !== 'string')
    throw badRequest('"documentId" has to be a string.');
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string')
    throw badRequest('"operationName" has to be a string.');
  return {
    query: query ?? undefined,
    ...(typeof documentId === 'string' && { documentId }),
    operationName: operationName === '' ? undefined : (operationName ?? undefined),
    variables: readMap('variables', variables),
    extensions: readMap('extensions', extensions),
  };
}

/** {@link readGraphQLRequest} for a caller that answers a fault as any other. */
export function tryReadGraphQLRequest(body: unknown): GraphQLRequest | Refusal {
  try {
    return readGraphQLRequest(body);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Reads the parameters of a GET request; variables and extensions are JSON there. @throws Refusal */
export function readQueryParameters(parameters: URLSearchParams): GraphQLRequest {
  const json = (name: string): unknown => {
    const text = parameters.get(name);
    if (text === null || text === '') return undefined;
    try {
      return parseJson(text);
    } catch (error) {
      throw badRequest(`"${name}" has to be JSON: it is ${(error as Error).message}.`);
    }
  };
  for (const name of ['query', 'documentId', 'operationName', 'variables', 'extensions'])
    if (parameters.getAll(name).length > 1) throw badRequest(`"${name}" is given more than once.`);
  return readGraphQLRequest({
    query: parameters.get('query'),
    documentId: parameters.get('documentId'),
    operationName: parameters.get('operationName'),
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

function readMap(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return NOTHING;
  if (typeof value !== 'object' || Array.isArray(value)) throw badRequest(`"${name}" has to be a JSON object.`);
  return value as Record<string, unknown>;
}
