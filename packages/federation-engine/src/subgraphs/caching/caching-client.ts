import type { BoundedCache } from './bounded-cache.js';
import type { CacheEntry } from './cache.js';
import { LRUCache } from 'lru-cache';
import { OperationTypeNode } from 'graphql';
import type { CancelSignal } from '../../request/cancellation.js';
import type { OperationContext } from '../../request/context.js';
import { toFetchError } from '../fetch-fault.js';
import {
  bodyOf,
  isPlain,
  type Representation,
  type SubgraphAnswer,
  type SubgraphClient,
  type SubgraphRequest,
} from '../subgraph-client.js';
import { credentialKey, entityMarker, hashKey, markers, viewerKey } from './cache-keys.js';
import { forOne, keptUntil, type Audience, type CachePolicy } from '../cache-policy.js';
import { createSharedMisses, type Miss } from './shared-misses.js';
import { joinEntities, lastChange, NEVER, readStored, type ChangedAt, type Part, type Stored } from './stored.js';

export interface CachingOptions {
  readonly cache: BoundedCache;
  readonly inner: SubgraphClient;
  readonly onLookup: (subgraph: string, hits: number, misses: number) => void;
  /** How long it is waited for what another process fetches. */
  readonly waitMs: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Nothing is kept longer, whatever a subgraph says; markers are kept as long. */
const MAX_AGE_SECONDS = 3_600;
/** Of the texts of one subgraph's operations whose policy is known; clients choose how long they are. */
const KNOWN_OPERATIONS_BYTES = 4 * 1024 * 1024;
/** Of the head of a body, beside the operation: what variables make longer is of one request. */
const KEPT_HEAD_CHARACTERS = 1_000;

/** An answer, and what of its items is for everybody. */
interface Brought {
  readonly answer: SubgraphAnswer;
  readonly brought: ReadonlyArray<Stored | null>;
}

interface Lookup {
  readonly stored: Stored | null;
  readonly changedAt: ChangedAt;
}

/** What is known of the text of an operation of a subgraph. */
interface KnownOperation {
  readonly audience: Audience;
  /** The head that it was sent with last, and its hash: without variables it is always the same text. */
  head: string | null;
  digest: string;
}

/**
 * Keeps what subgraphs allow to be kept by their `Cache-Control`: entities one by one, keyed by representation and
 * selection, root fields as a whole. What is not said to be for everybody is kept for the same credentials only. Requests
 * that miss the same public data at the same time wait for one fetch.
 *
 * **Invariant:** what takes a token to see is kept for the same token only where the gateway does not verify it: nobody else
 * has checked the viewer when an answer comes from here.
 *
 * A mutation's answer invalidates: everything kept for its viewer from that subgraph, the entities that it names for
 * everybody, and lists of that subgraph. Whether an operation may be kept is learnt from its first answer, so operations
 * that may not cost no lookup.
 */
export function createCachingClient({
  cache,
  inner,
  onLookup,
  waitMs,
  now = Date.now,
}: CachingOptions): SubgraphClient {
  const known = new Map<string, LRUCache<string, KnownOperation>>();
  const shared = createSharedMisses({ cache, now, waitMs });

  async function sendMutation(request: SubgraphRequest, context: OperationContext): Promise<SubgraphAnswer> {
    try {
      return await inner.send(request, context);
    } finally {
      // Where it failed, nobody knows whether it was done.
      await mark([markers.subgraph(request.subgraph), viewerMarker(request, context)], request.signal);
    }
  }

  async function mark(keys: readonly string[], signal?: CancelSignal): Promise<void> {
    shared.forget();
    const value = now();
    await cache.setMany(
      keys.map((key) => ({ key, value, ttlMs: MAX_AGE_SECONDS * 1000 })),
      signal,
    );
  }

  function learn({ subgraph, query }: SubgraphRequest, policy: CachePolicy | null): void {
    let operations = known.get(subgraph);
    if (!policy) return void operations?.delete(query);
    if (!operations)
      known.set(
        subgraph,
        (operations = new LRUCache({
          maxSize: KNOWN_OPERATIONS_BYTES,
          sizeCalculation: (_known, text) => 4 * text.length + 200,
        })),
      );
    const { audience } = policy;
    if (operations.get(query)?.audience !== audience) operations.set(query, { audience, head: null, digest: '' });
  }

  /** For whom a fetch may be kept, as far as is known; null for one that is not looked for. */
  function audienceOf(request: SubgraphRequest, context: OperationContext): Audience | null {
    const found = known.get(request.subgraph)?.get(request.query)?.audience;
    if (found === undefined || context.cacheWishes?.isFresh) return null;
    const audience = isUnchecked(request, context) ? 'ONE' : found;
    return audience === 'ONE' && context.authorization === undefined ? null : audience;
  }

  /** Tells what is selected, and with which variables. */
  function digestOf({ subgraph, query, head }: SubgraphRequest): string {
    const operation = known.get(subgraph)?.get(query);
    if (operation?.head === head) return operation.digest;
    const digest = hashKey(subgraph, head);
    if (operation && head.length <= 2 * query.length + KEPT_HEAD_CHARACTERS) {
      operation.head = head;
      operation.digest = digest;
    }
    return digest;
  }

  /** What the keys of entities of one request begin with; the length tells where the scope ends. */
  function entityKeys(request: SubgraphRequest, context: OperationContext, audience: Audience): string {
    const scope = scopeOf(audience, context, request);
    return `entity:${digestOf(request)}:${scope.length}:${scope}:`;
  }

  /** Fetches, and keeps what may be kept; tells what of it is for everybody. */
  async function fetchAndKeep(
    request: SubgraphRequest,
    context: OperationContext,
    itemsOf: (answer: SubgraphAnswer) => readonly unknown[] | null,
    keysFor: (audience: Audience) => (index: number) => string,
  ): Promise<Brought> {
    return keep(await inner.send(request, context), request, context, itemsOf, keysFor);
  }

  async function keep(
    fetched: SubgraphAnswer,
    request: SubgraphRequest,
    context: OperationContext,
    itemsOf: (answer: SubgraphAnswer) => readonly unknown[] | null,
    keysFor: (audience: Audience) => (index: number) => string,
  ): Promise<Brought> {
    const policy = fetched.policy && isUnchecked(request, context) ? forOne(fetched.policy) : fetched.policy;
    const answer = policy === fetched.policy ? fetched : { ...fetched, policy };
    learn(request, fetched.policy);
    const items = policy && itemsOf(answer);
    const at = now();
    const until = policy ? Math.min(keptUntil(policy), policy.askedAt + MAX_AGE_SECONDS * 1000) : 0;
    // A client that sends no token cannot be told from others.
    const isForNobody = policy?.audience === 'ONE' && context.authorization === undefined;
    if (!policy || !items || until <= at || isForNobody || context.cacheWishes?.isUnkept)
      return { answer, brought: [] };
    const entries: CacheEntry[] = [];
    const keyFor = keysFor(policy.audience);
    const brought = items.map((item, index): Stored => {
      const stored: Stored = { policy, until, text: JSON.stringify(item) };
      // What is not there now may be there soon.
      if (item !== null) entries.push({ key: keyFor(index), value: stored, ttlMs: until - at });
      return stored;
    });
    await cache.setMany(entries, request.signal);
    return { answer, brought: policy.audience === 'EVERYBODY' ? brought : [] };
  }

  /** What is not known to be kept is fetched as it is; nothing is built for an answer that may not be kept. */
  function fetchUnknown(request: SubgraphRequest, context: OperationContext): Promise<SubgraphAnswer> {
    return inner.send(request, context).then((fetched) => {
      if (fetched.policy !== null) return keepUnknown(fetched, request, context);
      learn(request, null);
      return fetched;
    });
  }

  async function keepUnknown(
    fetched: SubgraphAnswer,
    request: SubgraphRequest,
    context: OperationContext,
  ): Promise<SubgraphAnswer> {
    const { representations } = request;
    const { answer } = representations
      ? await keep(fetched, request, context, entitiesOf(representations.length), (audience) => {
          const start = entityKeys(request, context, audience);
          return (index) => start + (representations[index] as Representation).json;
        })
      : await keep(fetched, request, context, rootOf, (audience) => () => rootKey(audience, request, context));
    return answer;
  }

  async function sendRoot(
    request: SubgraphRequest,
    context: OperationContext,
    audience: Audience,
  ): Promise<SubgraphAnswer> {
    const keyFor = (audience: Audience) => rootKey(audience, request, context);
    const fetchRoot = () =>
      fetchAndKeep(withAskedAfter(request, changedAt), context, rootOf, (audience) => () => keyFor(audience));
    const key = keyFor(audience);
    const [value, ...changes] = await cache.getMany(
      [key, markers.subgraph(request.subgraph), viewerMarker(request, context)],
      request.signal,
    );
    const changedAt = lastChange(...changes);
    let stored = readStored(value, changedAt, now());
    onLookup(request.subgraph, stored ? 1 : 0, stored ? 0 : 1);
    if (!stored && !mayShare(audience, context)) return (await fetchRoot()).answer;
    if (!stored) {
      let own: SubgraphAnswer | undefined;
      const found = await shared.run([{ key, changedAt }], request.signal, async () => {
        const { answer, brought } = await fetchRoot();
        own = answer;
        return brought;
      });
      if (own) return own;
      stored = found.get(0) as Stored;
    }
    const { text, policy } = stored;
    return { data: JSON.parse(text) as SubgraphAnswer['data'], errors: [], policy, isPlain: isPlain(text) };
  }

  async function sendEntities(
    request: SubgraphRequest,
    representations: readonly Representation[],
    context: OperationContext,
    audience: Audience,
  ): Promise<SubgraphAnswer> {
    const start = entityKeys(request, context, audience);
    const keys = representations.map(({ json }) => start + json);
    const lookups = await lookUp(request, representations, keys, context);
    const kept = lookups.map(({ stored }) => stored);
    const missing: number[] = [];
    for (let place = 0; place < kept.length; place += 1) if (!kept[place]) missing.push(place);
    onLookup(request.subgraph, kept.length - missing.length, missing.length);
    if (missing.length === 0) return joinEntities(kept, []);

    const parts: Part[] = [];
    const fetchPart = async (places: readonly number[]) => {
      const some = places.map((place) => representations[place] as Representation);
      let changedAt = NEVER;
      for (const place of places) changedAt = Math.max(changedAt, lookups[place]?.changedAt ?? NEVER);
      const { answer, brought } = await fetchAndKeep(
        withAskedAfter(
          some.length === representations.length ? request : { ...request, representations: some },
          changedAt,
        ),
        context,
        entitiesOf(places.length),
        (of) => {
          const startOf = of === audience ? start : entityKeys(request, context, of);
          return (index) => startOf + (some[index] as Representation).json;
        },
      );
      parts.push({ places, answer });
      return brought;
    };
    try {
      if (!mayShare(audience, context)) await fetchPart(missing);
      else {
        const misses = missing.map((place): Miss => ({
          key: keys[place] as string,
          changedAt: lookups[place]?.changedAt ?? NEVER,
        }));
        const found = await shared.run(misses, request.signal, (indices) =>
          fetchPart(indices.map((index) => missing[index] as number)),
        );
        for (const [index, stored] of found) kept[missing[index] as number] = stored;
      }
    } catch (error) {
      const lost = missing.filter((place) => !kept[place] && !parts.some(({ places }) => places.includes(place)));
      // What is kept is as good as before.
      if (lost.length === representations.length || request.signal.aborted) throw error;
      const { formatted } = toFetchError(error, request.subgraph);
      parts.push({ places: lost, answer: { data: null, errors: [formatted], policy: null } });
    }
    const [only] = parts;
    if (only && only.places.length === representations.length && isInOrder(only.places)) return only.answer;
    return joinEntities(kept, parts);
  }

  async function lookUp(
    request: SubgraphRequest,
    representations: readonly Representation[],
    keys: readonly string[],
    context: OperationContext,
  ): Promise<Lookup[]> {
    const wanted = [...keys];
    for (const representation of representations) wanted.push(entityMarker(representation));
    const count = wanted.push(viewerMarker(request, context));
    // Of each type, where its marker stands.
    const types = new Map<string, number>();
    for (const { typename } of representations)
      if (!types.has(typename)) types.set(typename, wanted.push(markers.type(typename)) - 1);
    const values = await cache.getMany(wanted, request.signal);
    const at = now();
    const viewerChange = values[count - 1];
    return representations.map(({ typename }, index) => {
      const ofType = values[types.get(typename) ?? -1];
      const changedAt = lastChange(values[keys.length + index], ofType, viewerChange);
      return { stored: readStored(values[index], changedAt, at), changedAt };
    });
  }

  return {
    send(request, context) {
      if (request.type !== OperationTypeNode.QUERY) return sendMutation(request, context);
      const audience = audienceOf(request, context);
      if (audience === null) return fetchUnknown(request, context);
      return request.representations
        ? sendEntities(request, request.representations, context, audience)
        : sendRoot(request, context, audience);
    },
    async invalidate(changed) {
      await inner.invalidate?.(changed);
      const { entities, types, lists = [] } = changed;
      await mark([
        ...entities.map(({ typename, id }) => markers.entity(typename, id)),
        ...new Set(entities.map(({ typename }) => markers.otherKeys(typename))),
        ...types.map(markers.type),
        ...lists.map(markers.subgraph),
      ]);
    },
  };
}

function rootOf({ data }: SubgraphAnswer): readonly unknown[] | null {
  return data ? [data] : null;
}

function entitiesOf(count: number): (answer: SubgraphAnswer) => readonly unknown[] | null {
  return ({ data }) => {
    const list = data?.['_entities'];
    return Array.isArray(list) && list.length === count ? list : null;
  };
}

/** A body of root fields may be as long as its variables are. */
function rootKey(audience: Audience, request: SubgraphRequest, context: OperationContext): string {
  return `root:${hashKey(request.subgraph, scopeOf(audience, context, request), bodyOf(request))}`;
}

function viewerMarker({ subgraph }: SubgraphRequest, context: OperationContext): string {
  return markers.viewer(subgraph, viewerKey(context));
}

/** Only subgraphs know whether the viewer may see it. */
function isUnchecked({ isGuarded }: SubgraphRequest, { identity }: OperationContext): boolean {
  return isGuarded && identity.kind === 'unverified';
}

/** Whether others may wait for what is fetched. */
function mayShare(audience: Audience, { cacheWishes }: OperationContext): boolean {
  return audience === 'EVERYBODY' && !cacheWishes?.isUnkept;
}

function scopeOf(audience: Audience, context: OperationContext, { scope }: SubgraphRequest): string {
  const viewers = audience === 'EVERYBODY' ? 'everybody' : `${audience} ${credentialKey(context)}`;
  return scope === undefined ? viewers : `${viewers} ${scope}`;
}

function withAskedAfter(request: SubgraphRequest, changedAt: ChangedAt): SubgraphRequest {
  return changedAt === NEVER ? request : { ...request, askedAfter: changedAt };
}

function isInOrder(places: readonly number[]): boolean {
  return places.every((place, index) => place === index);
}
