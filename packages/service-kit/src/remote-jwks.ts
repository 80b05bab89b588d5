import { createPublicKey, type KeyObject } from 'node:crypto';
import { jsonWebKey, jsonWebKeySet } from '@taskgraph/contracts';
import { CircuitOpenError, createCircuit, exchange, type Judge } from '@taskgraph/federation-engine/upstream';
import { Agent } from 'undici';
import { createAskInTurn } from './ask-in-turn.js';
import type { Log } from './log.js';
import type { JwksSource } from './token-verifier.js';

interface RemoteJwksOptions {
  /** Several where the endpoint is at several addresses: they are asked in turn. */
  readonly url: string | readonly string[];
  readonly log: Log;
  readonly timeoutMs?: number;
  /** Keys older than this are fetched anew while they are used, so that nobody waits for it. */
  readonly refreshAfterMs?: number;
  /** Keys older than this are fetched anew before use; when that fails the old ones go on serving. */
  readonly maxAgeMs?: number;
  /** At most one fetch in this time, so a flood of unknown key ids does not become a flood of fetches. */
  readonly cooldownMs?: number;
  readonly now?: () => number;
}

/** Clients have no part in what is asked, so every error is the endpoint's. */
const JUDGE: Judge<unknown> = { error: () => 'failure', isSuccess: () => true };
/** Without keys nobody can sign in, and the service that has them may have started a moment ago. */
const CIRCUIT_RESET_MS = 1_000;
/** Of a set of keys, each of which has a few hundred bytes. */
const MAX_BYTES = 2 ** 20;
const NEVER = new AbortController().signal;
/** A proxy on the way may keep the set for as long as auth allows; a key that has left it is to be missed at once. */
const HEADERS = { accept: 'application/json', 'cache-control': 'no-cache' };

/** Turns a JSON Web Key Set document into keys by id; keys of other kinds are left out. */
function parseJwks(document: unknown): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  for (const entry of jsonWebKeySet.parse(document).keys) {
    const parsed = jsonWebKey.safeParse(entry);
    if (!parsed.success) continue;
    keys.set(parsed.data.kid, createPublicKey({ key: { ...parsed.data }, format: 'jwk' }));
  }
  return keys;
}

/**
 * Reads verification keys from a JWKS endpoint (RFC 7517) and keeps them.
 *
 * A key that has left the set is given out for `maxAgeMs` at most while the endpoint answers. No caller waits for an
 * endpoint that has failed last, as long as the key that it asks for is known. A key that stays is one and the same object.
 */
export function createRemoteJwks({
  url,
  log,
  timeoutMs = 3_000,
  refreshAfterMs = 15_000,
  maxAgeMs = 45_000,
  cooldownMs = 5_000,
  now = Date.now,
}: RemoteJwksOptions): JwksSource {
  let keys = new Map<string, KeyObject>();
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let hasFailed = false;
  let underWay: Promise<void> | null = null;

  // The global one may be that of Node's own version, which takes other handlers. One fetch in a while keeps no connection.
  const dispatcher = new Agent({ pipelining: 0 });
  const askInTurn = createAskInTurn([url].flat());
  const circuit = createCircuit({ name: 'jwks', log, resetMs: CIRCUIT_RESET_MS });

  async function readKeys(address: string): Promise<Map<string, KeyObject>> {
    const { origin, pathname, search } = new URL(address);
    const { status, text } = await exchange(dispatcher, {
      method: 'GET',
      origin,
      path: `${pathname}${search}`,
      idempotent: true,
      headers: HEADERS,
      body: null,
      signal: NEVER,
      timeoutMs,
      maxBytes: MAX_BYTES,
    });
    if (status !== 200) throw new Error(`the JWKS endpoint answered ${status}`);
    return parseJwks(JSON.parse(text));
  }

  async function fetchKeys(): Promise<void> {
    triedAt = now();
    try {
      const fetched = await circuit.run<Map<string, KeyObject>>(() => askInTurn(readKeys), JUDGE);
      for (const [kid, key] of fetched) {
        const before = keys.get(kid);
        if (before?.equals(key)) fetched.set(kid, before);
      }
      keys = fetched;
      // What was taken out while the answer was on its way may still be in it.
      fetchedAt = triedAt;
      hasFailed = false;
    } catch (error) {
      hasFailed = true;
      // An open circuit has been told of.
      if (!(error instanceof CircuitOpenError)) log.warn({ err: error, url }, 'signing keys could not be fetched');
      throw error;
    }
  }

  function refresh(): Promise<void> {
    underWay ??= fetchKeys().finally(() => {
      underWay = null;
    });
    return underWay;
  }

  return {
    atHand: (kid) => (now() - fetchedAt <= refreshAfterMs ? (keys.get(kid) ?? null) : null),
    async getKey(kid) {
      const age = now() - fetchedAt;
      const unknown = !keys.has(kid);
      // With no key at all a try is always worth its time: the auth service may have started a moment ago.
      const mayTry = underWay !== null || keys.size === 0 || now() - triedAt > cooldownMs;
      if (mayTry && (unknown || age > refreshAfterMs)) {
        const refreshed = refresh();
        if (unknown || (age > maxAgeMs && !hasFailed)) {
          try {
            await refreshed;
          } catch (error) {
            if (!keys.has(kid)) throw error;
          }
        } else refreshed.catch(() => undefined);
      }
      return keys.get(kid) ?? null;
    },
  };
}
