import { createPublicKey, type KeyObject } from 'node:crypto';
import { jsonWebKey, jsonWebKeySet } from '@taskgraph/contracts';
import { getGlobalDispatcher } from 'undici';
import { CircuitOpenError, createCircuit, type Judge } from './circuit.js';
import { exchange } from './exchange.js';
import type { Log } from './log.js';
import type { JwksSource } from './token-verifier.js';

export interface RemoteJwksOptions {
  readonly url: string;
  readonly log: Log;
  readonly timeoutMs?: number;
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

/** Turns a JSON Web Key Set document into keys by id; keys of other kinds are left out. */
export function parseJwks(document: unknown): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  for (const entry of jsonWebKeySet.parse(document).keys) {
    const parsed = jsonWebKey.safeParse(entry);
    if (!parsed.success) continue;
    keys.set(parsed.data.kid, createPublicKey({ key: { ...parsed.data }, format: 'jwk' }));
  }
  return keys;
}

/** Reads verification keys from a JWKS endpoint (RFC 7517) and keeps them. */
export function createRemoteJwks({
  url,
  log,
  timeoutMs = 3_000,
  maxAgeMs = 600_000,
  cooldownMs = 5_000,
  now = Date.now,
}: RemoteJwksOptions): JwksSource {
  let keys = new Map<string, KeyObject>();
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | null = null;

  const circuit = createCircuit({ name: 'jwks', log, resetMs: CIRCUIT_RESET_MS });

  async function readKeys(): Promise<Map<string, KeyObject>> {
    const { origin, pathname, search } = new URL(url);
    const { status, text } = await exchange(getGlobalDispatcher(), {
      method: 'GET',
      origin,
      path: `${pathname}${search}`,
      idempotent: true,
      headers: { accept: 'application/json' },
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
      keys = await circuit.run<Map<string, KeyObject>>(readKeys, JUDGE);
      fetchedAt = now();
    } catch (error) {
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
    async getKey(kid) {
      const stale = now() - fetchedAt > maxAgeMs;
      const unknown = !keys.has(kid);
      // With no key at all a try is always worth its time: the auth service may have started a moment ago.
      const mayTry = underWay !== null || keys.size === 0 || now() - triedAt > cooldownMs;
      if ((stale || unknown) && mayTry) {
        try {
          await refresh();
        } catch (error) {
          if (!keys.has(kid)) throw error;
        }
      }
      return keys.get(kid) ?? null;
    },
  };
}
