import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import type { GraphQLErrorBody, GraphQLResult } from './graphql-client.js';
import { findRequestLogs } from './request-logs.js';

/** Expects an answer without errors. Returns its data. */
export function expectData<Data>(result: GraphQLResult<Data>): Data {
  const { data, errors } = result.body;
  if (errors && errors.length > 0) fail('the answer has errors', result, expectData);
  if (data === null || data === undefined) fail('the answer has no data', result, expectData);
  return data;
}

/** Expects an error of this code anywhere in the answer. Returns the first such. */
export function expectErrorCode(result: GraphQLResult, code: string): GraphQLErrorBody {
  const found = result.body.errors?.find((error) => error.extensions?.code === code);
  if (!found) fail(`the answer has no error of code ${code}`, result, expectErrorCode);
  return found;
}

/** Expects that a field holds an object of this type. Returns the object. */
export function expectTypename<Value extends { readonly __typename?: string | undefined }, Name extends string>(
  result: GraphQLResult,
  value: Value | null | undefined,
  name: Name,
): Extract<Value, { readonly __typename: Name }> {
  if (value?.__typename !== name)
    fail(`expected ${name}, found ${value?.__typename ?? 'nothing'}`, result, expectTypename);
  return value as Extract<Value, { readonly __typename: Name }>;
}

function fail(why: string, result: GraphQLResult, caller: (...parameters: never[]) => unknown): never {
  const { request, status, body } = result;
  const show = (value: unknown) => inspect(value, { depth: 12, breakLength: 120, maxStringLength: 2_000 });
  const logs = findRequestLogs(request.requestId);
  throw new AssertionError({
    message: [
      `${why} (HTTP ${status}, ${request.url}, request ${request.requestId})`,
      `query: ${request.query.trim()}`,
      `variables: ${show(request.variables)}`,
      `body: ${show(body)}`,
      ...(logs.length > 0 ? ['log of the request:', ...logs] : []),
    ].join('\n'),
    stackStartFn: caller,
  });
}
