import type { OperationTypeNode } from 'graphql';
import type { OperationContext } from '../request/context.js';
import type { SubgraphClient, SubgraphRequest } from './subgraph-client.js';

/** What is done to the headers of fetches; names in any case. `remove` comes first, then `propagate`, then `set`. */
export interface HeaderRules {
  /** Headers of the client that go on, under their names or others. */
  readonly propagate?: ReadonlyArray<string | { readonly name: string; readonly as: string }>;
  /** The same for every client. */
  readonly set?: Readonly<Record<string, string>>;
  /** Of the usual ones: `authorization`, or what the rules for all have added. */
  readonly remove?: readonly string[];
}

/** Rules for all subgraphs, and further ones by the subgraph's name. */
export interface HeaderTable {
  readonly all?: HeaderRules;
  readonly subgraphs?: Readonly<Record<string, HeaderRules>>;
}

/** A fetch that is about to be sent. */
export interface OutgoingFetch {
  readonly subgraph: string;
  readonly type: OperationTypeNode;
  readonly operationName: string | undefined;
  /** As they are so far, by names in lower case; to be changed. */
  readonly headers: Record<string, string>;
}

/**
 * Called before each fetch of a query or mutation, and before the cache is asked for it; and for a subscription, whenever it is asked for
 * at its subgraph.
 *
 * @throws to fail that fetch, or that subscription
 */
export type FetchHook = (fetch: OutgoingFetch, context: OperationContext) => void;

/** Headers that tell of a request and not of whose answer it is: fetches that differ in them only are the same. */
export const TRACING_HEADERS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage', 'x-request-id']);
/** What says how a message is sent belongs to who sends it (RFC 9110, section 7.6.1). */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers by lower-case names, null for one that is not sent, and what of them says whose answer it is. */
export type HeaderChange = Pick<SubgraphRequest, 'headers' | 'scope'>;

/** Says what is changed of the headers that something is asked with; undefined where nothing is. */
export type ChangeHeaders = (
  asked: Pick<SubgraphRequest, 'subgraph' | 'type' | 'operationName'>,
  context: OperationContext,
) => HeaderChange | undefined;

/** @throws when a table names a header that belongs to the message itself */
export function readFetchHook(hook: FetchHook | HeaderTable): ChangeHeaders {
  return typeof hook === 'function' ? byHook(hook) : byTable(hook);
}

/**
 * Puts what changes headers around a client. Where headers differ from client to client, what is fetched for one is
 * neither shared with another nor kept for him; headers of tracing count for nothing there.
 */
export function withFetchHeaders(inner: SubgraphClient, change: ChangeHeaders): SubgraphClient {
  return {
    send: async (request, context) => inner.send({ ...request, ...change(request, context) }, context),
    invalidate: async (changed) => inner.invalidate?.(changed),
  };
}

function byHook(hook: FetchHook): ChangeHeaders {
  return ({ subgraph, type, operationName }, context) => {
    const { authorization, requestId } = context;
    const usual: Record<string, string> = {
      'x-request-id': requestId,
      ...(authorization !== undefined && { authorization }),
    };
    const headers = { ...usual };
    hook({ subgraph, type, operationName, headers }, context);
    const changed: Record<string, string | null> = {};
    for (const [given, value] of Object.entries(headers)) {
      const name = given.toLowerCase();
      if (!OF_THE_MESSAGE.has(name) && usual[name] !== value) changed[name] = value;
    }
    for (const name of Object.keys(usual)) if (!(name in headers)) changed[name] = null;
    return toChange(changed, (name) => !TRACING_HEADERS.has(name));
  };
}

function byTable({ all, subgraphs = {} }: HeaderTable): ChangeHeaders {
  const prepared = new Map(Object.entries(subgraphs).map(([name, rules]) => [name, prepare([all, rules])]));
  const others = prepare([all]);
  return ({ subgraph }, { clientHeader }) => {
    const { removed, propagated, set } = prepared.get(subgraph) ?? others;
    const changed: Record<string, string | null> = {};
    for (const name of removed) changed[name] = null;
    for (const { name, as } of propagated) {
      const value = clientHeader?.(name);
      if (value !== undefined) changed[as] = value;
    }
    Object.assign(changed, set);
    return toChange(changed, (name) => !(name in set) && !TRACING_HEADERS.has(name));
  };
}

function toChange(
  changed: Record<string, string | null>,
  isOfClient: (name: string) => boolean,
): ReturnType<ChangeHeaders> {
  const names = Object.keys(changed);
  if (names.length === 0) return undefined;
  const scope = names
    .filter((name) => changed[name] !== null && isOfClient(name))
    .sort()
    .map((name) => [name, changed[name]]);
  return { headers: changed, ...(scope.length > 0 && { scope: JSON.stringify(scope) }) };
}

interface PreparedRules {
  readonly removed: readonly string[];
  readonly propagated: ReadonlyArray<{ readonly name: string; readonly as: string }>;
  readonly set: Readonly<Record<string, string>>;
}

function prepare(all: ReadonlyArray<HeaderRules | undefined>): PreparedRules {
  const removed = new Set<string>();
  const propagated = new Map<string, string>();
  const set: Record<string, string> = {};
  for (const { remove = [], propagate = [], set: values = {} } of all.flatMap((rules) => rules ?? [])) {
    for (const name of remove.map(nameOf)) {
      removed.add(name);
      propagated.delete(name);
      Reflect.deleteProperty(set, name);
    }
    for (const rule of propagate) {
      const { name, as } = typeof rule === 'string' ? { name: rule, as: rule } : rule;
      propagated.set(nameOf(as), name.toLowerCase());
    }
    for (const [name, value] of Object.entries(values)) set[nameOf(name)] = value;
  }
  return { removed: [...removed], propagated: [...propagated].map(([as, name]) => ({ name, as })), set };
}

function nameOf(header: string): string {
  const name = header.toLowerCase();
  if (OF_THE_MESSAGE.has(name)) throw new Error(`The header ${name} belongs to the message itself.`);
  return name;
}
