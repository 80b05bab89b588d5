import type { Cache, CacheEntry } from './cache.js';
import { LRUCache } from 'lru-cache';
import { OperationTypeNode } from 'graphql';
import type { OperationContext } from '../../request/context.js';
import { toFetchError } from '../fetch-fault.js';
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../subgraph-client.js';
import { credentialKey, entityMarker, hashKey, markers, viewerKey } from './cache-keys.js';
import { forOne, keptUntil, type Audience, type CachePolicy } from '../cache-policy.js';
import { createSharedMisses, type Miss } from './shared-misses.js';
import { joinEntities, lastOf, readStored, type Changes, type Part, type Stored } from './stored.js';

export interface CachingOptions {
  readonly cache: Cache;
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

/** An answer, and what of its items is for everybody. */
interface Brought {
  readonly answer: SubgraphAnswer;
  readonly brought: ReadonlyArray<Stored | null>;
}

interface Lookup {
  readonly stored: Stored | null;
  readonly changes: Changes;
}

/**
 * Keeps what subgraphs allow to be kept by their `Cache-Control`: entities one by one, keyed by representation and
 * selection, root fields as a whole. What is not said to be for everybody is kept for the same credentials only. Whoever
 * misses the same public data at the same time waits for one fetch.
 *
 * **Invariant:** what takes a token to see is kept for the same token only where the gateway does not verify it: nobody else
 * has checked who asks when an answer comes from here.
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
  const audiences = new Map<string, LRUCache<string, { readonly audience: Audience }>>();
  const shared = createSharedMisses({ cache, now, waitMs });

  async function sendMutation(request: SubgraphRequest, context: OperationContext): Promise<SubgraphAnswer> {
    try {
      return await inner.send(request, context);
    } finally {
      // Where it failed, nobody knows whether it was done.
      await mark([markers.subgraph(request.subgraph), markers.viewer(request.subgraph, viewerKey(context))]);
    }
  }

  async function mark(keys: readonly string[]): Promise<void> {
    shared.forget();
    const value = String(now());
    await cache.setMany(keys.map((key) => ({ key, value, ttlMs: MAX_AGE_SECONDS * 1000 })));
  }

  function learn({ subgraph, query }: SubgraphRequest, policy: CachePolicy | null): void {
    let known = audiences.get(subgraph);
    if (!policy) return void known?.delete(query);
    if (!known)
      audiences.set(
        subgraph,
        (known = new LRUCache({
          maxSize: KNOWN_OPERATIONS_BYTES,
          sizeCalculation: (_audience, text) => 2 * text.length + 200,
        })),
      );
    known.set(query, { audience: policy.audience });
  }

  /** For whom a fetch may be kept, as far as is known; null for one that is not looked for. */
  function audienceOf(request: SubgraphRequest, context: OperationContext): Audience | null {
    const known = audiences.get(request.subgraph)?.get(request.query)?.audience;
    if (known === undefined || context.cacheWishes?.isFresh) return null;
    const audience = isUnchecked(request, context) ? 'ONE' : known;
    return audience === 'ONE' && context.authorization === undefined ? null : audience;
  }

  /** Fetches, and keeps what may be kept; tells what of it is for everybody. */
  async function fetchAndKeep(
    request: SubgraphRequest,
    context: OperationContext,
    itemsOf: (answer: SubgraphAnswer) => readonly unknown[] | null,
    keyFor: (audience: Audience, index: number) => string,
  ): Promise<Brought> {
    return keep(await inner.send(request, context), request, context, itemsOf, keyFor);
  }

  async function keep(
    fetched: SubgraphAnswer,
    request: SubgraphRequest,
    context: OperationContext,
    itemsOf: (answer: SubgraphAnswer) => readonly unknown[] | null,
    keyFor: (audience: Audience, index: number) => string,
  ): Promise<Brought> {
    const policy = fetched.policy && isUnchecked(request, context) ? forOne(fetched.policy) : fetched.policy;
    const answer = policy === fetched.policy ? fetched : { ...fetched, policy };
    learn(request, fetched.policy);
    const items = policy && itemsOf(answer);
    const at = now();
    const until = policy ? Math.min(keptUntil(policy), policy.askedAt + MAX_AGE_SECONDS * 1000) : 0;
    // Who sends no token cannot be told from others.
    const isForNobody = policy?.audience === 'ONE' && context.authorization === undefined;
    if (!policy || !items || until <= at || isForNobody || context.cacheWishes?.isUnkept)
      return { answer, brought: [] };
    const entries: CacheEntry[] = [];
    const brought = items.map((item, index): Stored => {
      const stored: Stored = { policy, until, text: JSON.stringify(item) };
      // What is not there now may be there soon.
      if (item !== null)
        entries.push({ key: keyFor(policy.audience, index), value: JSON.stringify(stored), ttlMs: until - at });
      return stored;
    });
    await cache.setMany(entries);
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
    const { entities } = request;
    const { answer } = entities
      ? await keep(
          fetched,
          request,
          context,
          entitiesOf(entities.representations.length),
          entityKeys(request, entities, context),
        )
      : await keep(fetched, request, context, rootOf, (audience) => rootKey(audience, request, context));
    return answer;
  }

  async function sendRoot(
    request: SubgraphRequest,
    context: OperationContext,
    audience: Audience,
  ): Promise<SubgraphAnswer> {
    const keyFor = (audience: Audience) => rootKey(audience, request, context);
    const fetchRoot = (askedAfter?: number) =>
      fetchAndKeep(withAskedAfter(request, askedAfter), context, rootOf, keyFor);
    const key = keyFor(audience);
    const viewer = markers.viewer(request.subgraph, viewerKey(context));
    const [text, ...changes] = await cache.getMany([key, markers.subgraph(request.subgraph), viewer]);
    let stored = readStored(text, changes, now());
    onLookup(request.subgraph, stored ? 1 : 0, stored ? 0 : 1);
    const askedAfter = lastOf(changes);
    if (!stored && !mayShare(audience, context)) return (await fetchRoot(askedAfter)).answer;
    if (!stored) {
      let own: SubgraphAnswer | undefined;
      const found = await shared.run([{ key, changes }], request.signal, async () => {
        const { answer, brought } = await fetchRoot(askedAfter);
        own = answer;
        return brought;
      });
      if (own) return own;
      stored = found.get(0) as Stored;
    }
    return { data: JSON.parse(stored.text) as SubgraphAnswer['data'], errors: [], policy: stored.policy };
  }

  async function sendEntities(
    request: SubgraphRequest,
    entities: Entities,
    context: OperationContext,
    audience: Audience,
  ): Promise<SubgraphAnswer> {
    const { representations } = entities;
    const keyFor = entityKeys(request, entities, context);

    const fetchPlaces = async (places: readonly number[], askedAfter?: number) => {
      const some = places.map((place) => representations[place] as string);
      const isWhole = some.length === representations.length;
      const partial = isWhole
        ? request
        : { ...request, body: entities.bodyFor(some), entities: { ...entities, representations: some } };
      return fetchAndKeep(withAskedAfter(partial, askedAfter), context, entitiesOf(places.length), (of, index) =>
        keyFor(of, places[index] as number),
      );
    };

    const everything = [...representations.keys()];
    const keys = everything.map((place) => keyFor(audience, place));
    const lookups = await lookUp(request.subgraph, representations, keys, context);
    const kept = lookups.map(({ stored }) => stored);
    const missing = everything.filter((place) => !kept[place]);
    onLookup(request.subgraph, kept.length - missing.length, missing.length);
    const parts: Part[] = [];
    const fetchPart = async (places: readonly number[]) => {
      const { answer, brought } = await fetchPlaces(
        places,
        lastOf(places.flatMap((place) => lookups[place]?.changes ?? [])),
      );
      parts.push({ places, answer });
      return brought;
    };
    try {
      if (missing.length > 0 && !mayShare(audience, context)) await fetchPart(missing);
      else if (missing.length > 0) {
        const misses = missing.map((place): Miss => ({
          key: keys[place] as string,
          changes: lookups[place]?.changes ?? [],
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
    subgraph: string,
    representations: readonly string[],
    keys: readonly string[],
    context: OperationContext,
  ): Promise<Lookup[]> {
    const named = representations.map(entityMarker);
    const types = [...new Set(named.map(({ typename }) => typename))];
    const viewer = markers.viewer(subgraph, viewerKey(context));
    const values = await cache.getMany([...keys, ...named.map(({ key }) => key), ...types.map(markers.type), viewer]);
    const count = keys.length;
    const typeChanges = new Map(types.map((typename, index) => [typename, values[2 * count + index]]));
    const viewerChange = values.at(-1);
    return keys.map((_key, index) => {
      const changes = [values[count + index], typeChanges.get(named[index]?.typename ?? ''), viewerChange];
      return { stored: readStored(values[index], changes, now()), changes };
    });
  }

  return {
    send(request, context) {
      if (request.type !== OperationTypeNode.QUERY) return sendMutation(request, context);
      const audience = audienceOf(request, context);
      if (audience === null) return fetchUnknown(request, context);
      return request.entities
        ? sendEntities(request, request.entities, context, audience)
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

type Entities = NonNullable<SubgraphRequest['entities']>;

function rootOf({ data }: SubgraphAnswer): readonly unknown[] | null {
  return data ? [data] : null;
}

function entitiesOf(count: number): (answer: SubgraphAnswer) => readonly unknown[] | null {
  return ({ data }) => {
    const list = data?.['_entities'];
    return Array.isArray(list) && list.length === count ? list : null;
  };
}

function rootKey(audience: Audience, request: SubgraphRequest, context: OperationContext): string {
  return hashKey('root', request.subgraph, scopeOf(audience, context, request), request.body);
}

/** Keys of the entities of one request: what they have in common is hashed once for each audience, and not once for each of them. */
function entityKeys(
  request: SubgraphRequest,
  { head, representations }: Entities,
  context: OperationContext,
): (audience: Audience, place: number) => string {
  const common = new Map<Audience, string>();
  return (audience, place) => {
    let key = common.get(audience);
    if (key === undefined) {
      key = hashKey('entity', request.subgraph, scopeOf(audience, context, request), head);
      common.set(audience, key);
    }
    return hashKey(key, representations[place] as string);
  };
}

/** Only subgraphs know whether who asks may see it. */
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

function withAskedAfter(request: SubgraphRequest, askedAfter: number | undefined): SubgraphRequest {
  return askedAfter === undefined ? request : { ...request, askedAfter };
}

function isInOrder(places: readonly number[]): boolean {
  return places.every((place, index) => place === index);
}
