import type { Cache, CacheEntry } from '@taskgraph/service-kit';
import { LRUCache } from 'lru-cache';
import { OperationTypeNode, type GraphQLFormattedError } from 'graphql';
import type { GatewayContext } from '../context.js';
import type { SubgraphAnswer, SubgraphClient, SubgraphRequest } from '../execution/subgraph-client.js';
import { entityMarker, hashKey, markers, viewerKey } from './cache-keys.js';
import { restrict, type CachePolicy } from './cache-policy.js';

export interface CachingOptions {
  readonly cache: Cache;
  readonly inner: SubgraphClient;
  readonly onLookup: (subgraph: string, hits: number, misses: number) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Nothing is kept longer, whatever a subgraph says; markers are kept as long. */
const MAX_AGE_SECONDS = 3_600;
/** Operations of subgraphs whose policy is known. */
const KNOWN_OPERATIONS = 10_000;

/** What is stored: when, until when, and the JSON text. */
interface Stored {
  readonly at: number;
  readonly until: number;
  readonly text: string;
}

/**
 * Keeps what subgraphs allow to be kept by their `Cache-Control`: entities one by one, keyed by representation and
 * selection, root fields as a whole; private data for their viewer only.
 *
 * A mutation's answer invalidates: everything kept for its viewer from that subgraph, the entities that it names for
 * everybody, and lists of that subgraph. Whether an operation may be kept is learnt from its first answer, so operations
 * that may not cost no lookup.
 */
export function createCachingClient({ cache, inner, onLookup, now = Date.now }: CachingOptions): SubgraphClient {
  const policies = new LRUCache<string, CachePolicy>({ max: KNOWN_OPERATIONS });

  async function sendMutation(request: SubgraphRequest, context: GatewayContext): Promise<SubgraphAnswer> {
    try {
      return await inner.send(request, context);
    } finally {
      // Where it failed, nobody knows whether it was done.
      await mark([markers.subgraph(request.subgraph), markers.viewer(request.subgraph, viewerKey(context))]);
    }
  }

  async function mark(keys: readonly string[]): Promise<void> {
    const value = String(now());
    await cache.setMany(keys.map((key) => ({ key, value, ttlMs: MAX_AGE_SECONDS * 1000 })));
  }

  function learn(request: SubgraphRequest, policy: CachePolicy | null): void {
    if (policy) policies.set(request.query, policy);
    else policies.delete(request.query);
  }

  function scopeOf(policy: CachePolicy, context: GatewayContext): string {
    return policy.scope === 'PRIVATE' ? viewerKey(context) : 'everybody';
  }

  async function sendRoot(request: SubgraphRequest, context: GatewayContext): Promise<SubgraphAnswer> {
    const policy = policies.get(request.query);
    const keyFor = (known: CachePolicy) => hashKey('root', request.subgraph, scopeOf(known, context), request.body);
    const viewer = markers.viewer(request.subgraph, viewerKey(context));
    if (policy) {
      const [stored, ...changed] = await cache.getMany([keyFor(policy), markers.subgraph(request.subgraph), viewer]);
      const hit = readStored(stored, changed, now());
      onLookup(request.subgraph, hit ? 1 : 0, hit ? 0 : 1);
      if (hit)
        return { data: JSON.parse(hit.text) as SubgraphAnswer['data'], errors: [], policy: left(policy, hit, now()) };
    }
    const at = now();
    const answer = await inner.send(request, context);
    const fresh = cacheable(answer);
    learn(request, fresh);
    if (fresh && answer.data) await store([{ key: keyFor(fresh), data: answer.data }], fresh, at);
    return answer;
  }

  async function sendEntities(
    request: SubgraphRequest,
    entities: NonNullable<SubgraphRequest['entities']>,
    context: GatewayContext,
  ): Promise<SubgraphAnswer> {
    const policy = policies.get(request.query);
    const { representations } = entities;
    const keyFor = (known: CachePolicy, representation: string) =>
      hashKey('entity', request.subgraph, scopeOf(known, context), entities.head, representation);

    const found: Array<Stored | null> = policy
      ? await lookUp(
          request,
          representations,
          representations.map((each) => keyFor(policy, each)),
          context,
        )
      : representations.map(() => null);
    const missing = representations.filter((_, index) => !found[index]);
    if (policy) onLookup(request.subgraph, representations.length - missing.length, missing.length);

    const at = now();
    let answer: SubgraphAnswer = { data: { _entities: [] }, errors: [], policy: policy ?? null };
    if (missing.length > 0) {
      const partial =
        missing.length === representations.length
          ? request
          : { ...request, body: entities.bodyFor(missing), entities: { ...entities, representations: missing } };
      answer = await inner.send(partial, context);
      const fresh = cacheable(answer);
      learn(request, fresh);
      const fetched = answer.data?.['_entities'];
      if (fresh && Array.isArray(fetched) && fetched.length === missing.length) {
        const kept = fetched.flatMap((data: unknown, index) =>
          data === null ? [] : [{ key: keyFor(fresh, missing[index] as string), data }],
        );
        await store(kept, fresh, at);
      }
    }
    return missing.length === representations.length ? answer : join(found, answer, now());
  }

  async function lookUp(
    { subgraph }: SubgraphRequest,
    representations: readonly string[],
    keys: readonly string[],
    context: GatewayContext,
  ): Promise<Array<Stored | null>> {
    const named = representations.map(entityMarker);
    const types = [...new Set(named.map(({ typename }) => typename))];
    const viewer = markers.viewer(subgraph, viewerKey(context));
    const values = await cache.getMany([...keys, ...named.map(({ key }) => key), ...types.map(markers.type), viewer]);
    const count = keys.length;
    const typeChanges = new Map(types.map((typename, index) => [typename, values[2 * count + index]]));
    const viewerChange = values.at(-1);
    return keys.map((_key, index) => {
      const changed = [values[count + index], typeChanges.get(named[index]?.typename ?? ''), viewerChange];
      return readStored(values[index], changed, now());
    });
  }

  async function store(
    kept: ReadonlyArray<{ key: string; data: unknown }>,
    policy: CachePolicy,
    at: number,
  ): Promise<void> {
    const ttlMs = Math.min(policy.maxAgeSeconds, MAX_AGE_SECONDS) * 1000;
    const entries = kept.map(({ key, data }): CacheEntry => {
      const stored: Stored = { at, until: at + ttlMs, text: JSON.stringify(data) };
      return { key, value: JSON.stringify(stored), ttlMs };
    });
    await cache.setMany(entries);
  }

  return {
    send(request, context) {
      if (request.type !== OperationTypeNode.QUERY) return sendMutation(request, context);
      return request.entities ? sendEntities(request, request.entities, context) : sendRoot(request, context);
    },
    async invalidate(changed) {
      await inner.invalidate?.(changed);
      const { entities, types } = changed;
      await mark([...entities.map(({ typename, id }) => markers.entity(typename, id)), ...types.map(markers.type)]);
    },
  };
}

function cacheable({ policy, errors }: SubgraphAnswer): CachePolicy | null {
  return errors.length > 0 ? null : policy;
}

/** An entry counts when it was asked for after everything that could have changed it. */
function readStored(text: string | undefined, changed: ReadonlyArray<string | undefined>, now: number): Stored | null {
  if (text === undefined) return null;
  const stored = JSON.parse(text) as Stored;
  const isStale = stored.until <= now || changed.some((at) => at !== undefined && Number(at) >= stored.at);
  return isStale ? null : stored;
}

function left({ scope }: CachePolicy, { until }: Stored, now: number): CachePolicy {
  return { scope, maxAgeSeconds: (until - now) / 1000 };
}

/** Puts what was kept and what was fetched into the order of the request, paths of errors included. */
function join(found: ReadonlyArray<Stored | null>, fetched: SubgraphAnswer, now: number): SubgraphAnswer {
  const places = found.flatMap((stored, index) => (stored ? [] : [index]));
  const list = fetched.data?.['_entities'];
  const entities: unknown[] = found.map((stored) => (stored ? (JSON.parse(stored.text) as unknown) : null));
  if (Array.isArray(list)) for (const [index, place] of places.entries()) entities[place] = list[index] ?? null;
  const errors = fetched.errors.flatMap((error): GraphQLFormattedError[] => {
    const [root, index, ...rest] = error.path ?? [];
    if (root === '_entities' && typeof index === 'number') {
      const place = places[index];
      return place === undefined ? [error] : [{ ...error, path: ['_entities', place, ...rest] }];
    }
    // It cost everything that was fetched, and nothing that was kept.
    return places.map((place) => ({ ...error, path: ['_entities', place] }));
  });
  const kept = found.flatMap((stored) => (stored ? [(stored.until - now) / 1000] : []));
  const policy = restrict(
    fetched.policy,
    fetched.policy && { scope: fetched.policy.scope, maxAgeSeconds: Math.min(...kept) },
  );
  return { data: { _entities: entities }, errors, policy };
}
