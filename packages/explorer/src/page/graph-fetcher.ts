import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from '@graphiql/toolkit';
import type { DocumentNode } from 'graphql';
import { askedOperation } from '../asked-operation.js';
import { isQueryPlan } from '../query-plan.js';
import { usePlan } from './plan-pane.js';
import { useSession } from './session.js';
import { uploadVariables, useFiles } from './chosen-files.js';

const CLIENT = { 'apollographql-client-name': 'explorer' };
/** Administrators are shown the plan of what they run. */
const WITH_PLAN = { 'apollo-query-plan-experimental': '1', 'apollo-query-plan-experimental-format': 'internal' };

/** Creates what runs operations: over HTTP, with files where some are chosen, and subscriptions over a WebSocket. */
export function createFetcher(endpoint: string): Fetcher {
  const http = new URL(endpoint, window.location.href);
  const socket = new URL(http);
  socket.protocol = http.protocol === 'https:' ? 'wss:' : 'ws:';

  return async (given, options) => {
    const { document, operationName } = askedOperation(given.query, given.operationName);
    const params: FetcherParams = { ...given, operationName: operationName ?? null };
    const own = { ...CLIENT, ...bearer(), ...options?.headers };
    const files = document ? filesOf(params, document) : [];
    const fetcher = createGraphiQLFetcher({
      url: http.href,
      subscriptionUrl: socket.href,
      wsConnectionParams: own,
      ...(files.length > 0 && { fetch: (url, init) => fetch(url, withFiles(params, files, init)) }),
    });
    const isIntrospection = params.operationName === 'IntrospectionQuery';
    if (!isIntrospection) usePlan.setState({ plan: null, asked: params.operationName ?? 'the operation' });
    const result = await fetcher(params, {
      ...(document && { documentAST: document }),
      headers: { ...own, ...(!isIntrospection && WITH_PLAN) },
    });
    return isAsyncIterable(result) ? eachWithoutPlan(result) : withoutPlan(result);
  };
}

function bearer(): Record<string, string> {
  const { accessToken } = useSession.getState();
  return accessToken === null ? {} : { authorization: `Bearer ${accessToken}` };
}

async function* eachWithoutPlan(results: AsyncIterable<unknown>) {
  for await (const result of results) yield withoutPlan(result);
}

/** The plan is for the picture; in the answer it would hide what was asked for. */
function withoutPlan(result: unknown): never {
  const parts = Array.isArray(result) ? (result as unknown[]) : [result];
  for (const part of parts) {
    const { extensions } = (part ?? {}) as { extensions?: Record<string, unknown> };
    const plan = extensions?.['__queryPlanExperimental'];
    if (!extensions || !isQueryPlan(plan)) continue;
    usePlan.setState({ plan });
    delete extensions['__queryPlanExperimental'];
    if (Object.keys(extensions).length === 0) delete (part as { extensions?: unknown }).extensions;
  }
  return result as never;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

interface ChosenFile {
  readonly variable: string;
  readonly isList: boolean;
  readonly files: readonly File[];
}

/** Variables of the scalar `Upload`, with what was chosen for them. */
function filesOf({ operationName }: FetcherParams, document: DocumentNode): ChosenFile[] {
  const { chosen } = useFiles.getState();
  return uploadVariables(document, operationName).flatMap(({ name, isList }) => {
    const files = chosen[name] ?? [];
    return files.length === 0 ? [] : [{ variable: name, isList, files }];
  });
}

/** GraphQL multipart request specification: the operation, where each file belongs, and the files. */
function withFiles(params: FetcherParams, chosen: readonly ChosenFile[], init: RequestInit | undefined): RequestInit {
  const given = (params.variables ?? {}) as Record<string, unknown>;
  const nulls = Object.fromEntries(
    chosen.map(({ variable, isList, files }) => [variable, isList ? files.map(() => null) : null]),
  );
  const places = chosen.flatMap(({ variable, isList, files }) =>
    (isList ? files : files.slice(0, 1)).map((file, index) => ({
      file,
      place: isList ? `variables.${variable}.${index}` : `variables.${variable}`,
    })),
  );
  const form = new FormData();
  form.append('operations', JSON.stringify({ ...params, variables: { ...given, ...nulls } }));
  form.append('map', JSON.stringify(Object.fromEntries(places.map(({ place }, index) => [String(index), [place]]))));
  places.forEach(({ file }, index) => form.append(String(index), file));
  const headers = new Headers(init?.headers);
  // The browser writes it, with the boundary of the parts.
  headers.delete('content-type');
  headers.set('apollo-require-preflight', '1');
  return { ...init, headers, body: form };
}
