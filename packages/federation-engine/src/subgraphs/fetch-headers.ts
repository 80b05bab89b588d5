import type { OperationTypeNode } from 'graphql';
import type { OperationContext } from '../request/context.js';
import { Fault } from '../request/fault.js';
import { assertNoPromise } from '../request/assert-no-promise.js';
import { assertHeaderTable } from './assert-header-table.js';
import { faultOfName, faultOfValue } from './header-fields.js';
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
 * It is not waited for: one that is `async` is refused.
 *
 * @throws to fail that fetch, or that subscription
 */
export type FetchHook = (fetch: OutgoingFetch, context: OperationContext) => void | undefined;

/** Headers that tell of a request and not of whose answer it is: fetches that differ in them only are the same. */
export const TRACING_HEADERS: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage', 'x-request-id']);
/** Of a name that is told. */
const MAX_NAME_CHARACTERS = 100;

/** Headers by lower-case names, null for one that is not sent, and what of them says whose answer it is. */
export type HeaderChange = Pick<SubgraphRequest, 'headers' | 'scope'>;

/** Says what is changed of the headers that something is asked with; undefined where nothing is. */
export type ChangeHeaders = (
  asked: Pick<SubgraphRequest, 'subgraph' | 'type' | 'operationName'>,
  context: OperationContext,
) => HeaderChange | undefined;

/** @throws TypeError that names what of a table cannot be meant */
export function readFetchHook(hook: FetchHook | HeaderTable): ChangeHeaders {
  if (typeof hook === 'function') return told(byHook(hook));
  assertHeaderTable(hook);
  return told(byTable(hook));
}

/** A host reads in the log what its hook has failed with. */
function told(change: ChangeHeaders): ChangeHeaders {
  return (asked, context) => {
    try {
      return change(asked, context);
    } catch (error) {
      const { subgraph } = asked;
      context.log.error({ err: error, subgraph }, 'onFetch has failed');
      throw error;
    }
  };
}

function badHeader(subgraph: string, name: unknown, fault: string): Fault {
  const shown = String(name).slice(0, MAX_NAME_CHARACTERS);
  return new Fault('UNAVAILABLE', `The header ${shown} for the ${subgraph} service ${fault}.`, {
    reason: 'BAD_HEADER',
    extensions: { subgraph, header: shown },
  });
}

/**
 * Puts what changes headers around a client. Where headers differ from client to client, what is fetched for one is
 * neither shared with another nor kept for it; headers of tracing count for nothing there.
 */
export function withFetchHeaders(inner: SubgraphClient, change: ChangeHeaders): SubgraphClient {
  return {
    send: async (request, context) =>
      inner.send({ ...request, ...change(request, context), mayPassHeaders: true }, context),
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
    const returned: unknown = hook({ subgraph, type, operationName, headers }, context);
    if (returned !== undefined) assertNoPromise(returned, 'onFetch');
    const changed: Record<string, string | null> = {};
    for (const [given, value] of Object.entries(headers)) {
      const name = given.toLowerCase();
      if (Object.hasOwn(usual, name) && usual[name] === value) continue;
      const fault = faultOfName(name) ?? faultOfValue(value);
      if (fault !== null) throw badHeader(subgraph, name, fault);
      changed[name] = value;
    }
    for (const name of Object.keys(usual)) if (!(name in headers) && !(name in changed)) changed[name] = null;
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
      if (value === undefined) continue;
      const fault = faultOfValue(value);
      if (fault !== null) throw badHeader(subgraph, as, fault);
      changed[as] = value;
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
    for (const name of remove.map((header) => header.toLowerCase())) {
      removed.add(name);
      propagated.delete(name);
      Reflect.deleteProperty(set, name);
    }
    for (const rule of propagate) {
      const { name, as } = typeof rule === 'string' ? { name: rule, as: rule } : rule;
      propagated.set(as.toLowerCase(), name.toLowerCase());
    }
    for (const [name, value] of Object.entries(values)) set[name.toLowerCase()] = value;
  }
  return { removed: [...removed], propagated: [...propagated].map(([as, name]) => ({ name, as })), set };
}
