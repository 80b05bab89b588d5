import { unavailable } from '../request/fault.js';
import type { GraphQLFormattedError } from 'graphql';
import { toFetchError } from './fetch-fault.js';
import type { SubgraphAnswer } from './subgraph-client.js';

export interface AskedFor {
  readonly subgraph: string;
  /** How many entities; null for root fields. */
  readonly entities: number | null;
  /** What is beyond is counted, so that a broken subgraph does not make the engine write for minutes. */
  readonly maxErrors?: number;
}

/** Of an event, whose message is bounded as a whole. */
const MAX_ERRORS = 1_000;
/** Of `extensions`: what is nested deeper is told to nobody, and could not be written as JSON. */
const MAX_EXTENSIONS_DEPTH = 32;

/**
 * Reads a subgraph's JSON as the answer to a GraphQL request; null when it is none (GraphQL specification, "Response
 * Format"). What is wrong in one place does not cost the rest.
 *
 * **Guarantees**, which the engine relies on: data are null only with an error; `_entities` is a list as long as was asked
 * for, of objects and nulls, or the data are null; what stood in the place of an entity and is none is null, and has an error.
 */
export function readAnswer(
  body: unknown,
  { subgraph, entities, maxErrors }: AskedFor,
): Pick<SubgraphAnswer, 'data' | 'errors'> | null {
  if (!isObject(body)) return null;
  const data = body['data'] ?? null;
  if (data !== null && !isObject(data)) return null;
  const errors = readErrors(body['errors'], maxErrors);
  if (!errors || (data === null && errors.length === 0)) return null;
  if (entities === null || data === null) return { data, errors };

  const list = data['_entities'];
  if (!Array.isArray(list) || list.length !== entities) {
    // A list of another length than was asked for says nothing about which entity is which.
    if (errors.length === 0) return null;
    const isAbsent = list === undefined || list === null;
    return { data: null, errors: isAbsent ? errors : [...errors, badResponse(subgraph)] };
  }
  let faults: GraphQLFormattedError[] | null = null;
  for (let index = 0; index < list.length; index += 1) {
    const entity: unknown = list[index];
    if (entity === null || isObject(entity)) continue;
    list[index] = null;
    (faults ??= []).push({ ...badResponse(subgraph), path: ['_entities', index] });
  }
  return { data, errors: faults ? [...errors, ...faults] : errors };
}

/** What a client is told of a place where something else stood than a GraphQL service answers. */
export function badResponse(subgraph: string): GraphQLFormattedError {
  return toFetchError(unavailable(subgraph, undefined, 'BAD_RESPONSE'), subgraph).formatted;
}

const NO_ERRORS: readonly GraphQLFormattedError[] = [];

/** Reads the errors of an answer; null for what is no list. */
export function readErrors(errors: unknown, maxErrors = MAX_ERRORS): readonly GraphQLFormattedError[] | null {
  if (errors === undefined || errors === null) return NO_ERRORS;
  if (!Array.isArray(errors)) return null;
  const read = errors.slice(0, maxErrors).map(readError);
  const left = errors.length - read.length;
  return left === 0 ? read : [...read, { message: `The subgraph tells of ${left} more errors.` }];
}

function readError(error: unknown): GraphQLFormattedError {
  const { message, path, extensions } = isObject(error) ? error : {};
  return {
    message: typeof message === 'string' ? message : 'The subgraph tells of an error without a message.',
    ...(isPath(path) && { path }),
    ...(isObject(extensions) && isShallow(extensions, MAX_EXTENSIONS_DEPTH) && { extensions }),
  };
}

function isPath(path: unknown): path is ReadonlyArray<string | number> {
  return (
    Array.isArray(path) &&
    path.every((element) => typeof element === 'string' || (Number.isSafeInteger(element) && element >= 0))
  );
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
