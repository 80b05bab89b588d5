import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { PublicJsonWebKey } from '@taskgraph/contracts';
import type { JwksSource, Log } from '@taskgraph/service-kit';
import type { SigningKey } from '../../generated/prisma/client.js';
import type { KeyEncryption } from '../../key-encryption.js';
import { isOver, publicJwkOf, type KeyChange, type KeyChanger, type KeyStore } from './key-store.js';

export interface SigningKeyPair {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

export interface KeyRingOptions {
  readonly store: KeyStore;
  readonly encryption: KeyEncryption;
  /** Age at which the newest key gets a successor; null when nobody but an administrator makes one. */
  readonly rotateAfterMs: number | null;
  readonly log: Log;
  /** Told of a key that this process has made. */
  readonly onRotation?: (kid: string, reason: 'age' | 'request') => void;
  readonly now?: () => number;
}

/** The keys of this installation: all that are published verify, and the newest whose time has come signs. */
export interface KeyRing extends JwksSource {
  readonly current: SigningKeyPair;
  readonly publicKeys: readonly PublicJsonWebKey[];
  /** Makes the next key, or tells which is to come. */
  rotate(changer: KeyChanger): Promise<KeyChange>;
  /** Reads anew what other processes may have changed, and makes a new key when it is time. Never throws. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

/** Shorter than a key is published before it signs. */
const REFRESH_MS = 10_000;
/** Of reading anew for the sake of an unknown key id, so that a flood of them is no flood of statements. */
const COOLDOWN_MS = 1_000;

interface LoadedKey {
  readonly row: SigningKey;
  readonly jwk: PublicJsonWebKey;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/**
 * Loads the keys, and creates the first one when there is none. Processes that start at once agree on one key, and processes that run
 * hear of each other's keys before those sign.
 *
 * @throws when the stored keys cannot be decrypted: AUTH_KEY_ENCRYPTION_SECRET is not the one they were stored with
 */
export async function loadKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { store, encryption, rotateAfterMs, log, onRotation, now = Date.now } = options;
  let keys = new Map<string, LoadedKey>();
  let readAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | null = null;

  async function read(): Promise<void> {
    readAt = now();
    const rows = await store.list();
    const loaded = new Map<string, LoadedKey>();
    // A key that stays is one and the same object: tokens are remembered as long as their key is.
    for (const row of rows)
      loaded.set(row.id, keys.has(row.id) ? { ...(keys.get(row.id) as LoadedKey), row } : await load(row));
    keys = loaded;
  }

  async function load(row: SigningKey): Promise<LoadedKey> {
    const { plain, renewed } = decrypt(row, encryption);
    if (renewed) {
      await store.renew(row.id, renewed);
      log.info({ kid: row.id }, 'a signing key is stored under the present secret');
    }
    const jwk = publicJwkOf(row);
    return {
      row,
      jwk,
      publicKey: createPublicKey({ key: { ...jwk }, format: 'jwk' }),
      privateKey: createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' }),
    };
  }

  function readOnce(): Promise<void> {
    underWay ??= read().finally(() => (underWay = null));
    return underWay;
  }

  async function refresh(): Promise<void> {
    try {
      const change = rotateAfterMs === null || !isDue() ? null : await store.rotate(byAge(log), rotateAfterMs);
      if (change?.isNew) onRotation?.(change.kid, 'age');
      await readOnce();
    } catch (error) {
      log.warn({ err: error }, 'signing keys could not be read anew; those that are known go on');
    }
  }

  /** As far as this process knows: the store looks again, when no other process may change it. */
  function isDue(): boolean {
    const newest = Math.max(...[...keys.values()].map(({ row }) => row.createdAt.getTime()));
    return rotateAfterMs !== null && now() - newest >= rotateAfterMs;
  }

  await readOnce();
  await refresh();
  const timer = setInterval(() => void refresh(), REFRESH_MS).unref();
  return {
    get current() {
      const time = new Date(now());
      const all = [...keys.values()];
      // The newest first.
      const signing = all.find(({ row }) => row.signsFrom <= time) ?? all.at(-1);
      if (!signing) throw new Error('there is no signing key');
      return { kid: signing.row.id, privateKey: signing.privateKey };
    },
    get publicKeys() {
      const time = new Date(now());
      return [...keys.values()].filter(({ row }) => !isOver(row, time)).map(({ jwk }) => jwk);
    },
    async getKey(kid) {
      if (!keys.has(kid) && now() - readAt > COOLDOWN_MS) await readOnce().catch(() => undefined);
      const key = keys.get(kid);
      return key && !isOver(key.row, new Date(now())) ? key.publicKey : null;
    },
    async rotate(changer) {
      const change = await store.rotate(changer);
      if (!change) throw new Error('a rotation that was asked for has made no key');
      if (change.isNew) onRotation?.(change.kid, 'request');
      await readOnce();
      return change;
    },
    refresh,
    async close() {
      clearInterval(timer);
      await underWay?.catch(() => undefined);
    },
  };
}

/** A process, which nobody has asked. */
export function byAge(log: Log): KeyChanger {
  const clientInfo = { ipAddress: null, userAgent: 'auth', clientName: null };
  return { origin: { clientInfo, requestId: null, log }, actorId: null, by: 'age' };
}

function decrypt({ encryptedPrivateKey }: SigningKey, encryption: KeyEncryption) {
  try {
    return encryption.decrypt(encryptedPrivateKey);
  } catch (cause) {
    throw new Error(
      'The signing key cannot be decrypted: AUTH_KEY_ENCRYPTION_SECRET is not the one that it was stored with, nor is AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS.',
      { cause },
    );
  }
}
