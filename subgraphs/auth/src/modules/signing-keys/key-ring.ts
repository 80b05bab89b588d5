import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jsonWebKey, TOKEN_ALGORITHM, type PublicJsonWebKey } from '@taskgraph/contracts';
import { inTransaction, type JwksSource } from '@taskgraph/service-kit';
import type { AuthDb, AuthDbClient } from '../../db.js';
import type { KeyEncryption } from './key-encryption.js';

/** Any number that nothing else in this database locks. */
const KEY_CREATION_LOCK = 712_003_001;

export interface SigningKeyPair {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** The keys of this installation: all verify, the newest signs. */
export interface KeyRing extends JwksSource {
  readonly current: SigningKeyPair;
  readonly publicKeys: readonly PublicJsonWebKey[];
}

/**
 * Loads the keys, and creates the first one when there is none. Processes that start at once agree on one key.
 *
 * @throws when the stored keys cannot be decrypted: AUTH_KEY_ENCRYPTION_SECRET is not the one they were stored with
 */
export async function loadKeyRing(db: AuthDb, encryption: KeyEncryption): Promise<KeyRing> {
  const rows = await listKeys(db);
  const stored = rows.length > 0 ? rows : await createFirstKey(db, encryption);
  const newest = stored[0];
  if (!newest) throw new Error('there is no signing key');

  const publicKeys = stored.map(({ publicJwk }) => jsonWebKey.parse(publicJwk));
  const verifiers = new Map(publicKeys.map((jwk) => [jwk.kid, createPublicKey({ key: { ...jwk }, format: 'jwk' })]));
  return {
    current: { kid: newest.id, privateKey: decrypt(newest.encryptedPrivateKey, encryption) },
    publicKeys,
    getKey: async (kid) => verifiers.get(kid) ?? null,
  };
}

function listKeys(db: AuthDbClient) {
  return db.signingKey.findMany({ orderBy: { createdAt: 'desc' } });
}

function createFirstKey(db: AuthDb, encryption: KeyEncryption) {
  return inTransaction(db, async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${KEY_CREATION_LOCK})`;
    const rows = await listKeys(tx);
    if (rows.length > 0) return rows;
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
    const kid = thumbprint(x, y);
    const publicJwk: PublicJsonWebKey = { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: TOKEN_ALGORITHM };
    const encryptedPrivateKey = encryption.encrypt(privateKey.export({ format: 'der', type: 'pkcs8' }));
    return [await tx.signingKey.create({ data: { id: kid, publicJwk, encryptedPrivateKey } })];
  });
}

/** RFC 7638: members in lexical order, no white space. */
function thumbprint(x: string, y: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
}

function decrypt(stored: Uint8Array, encryption: KeyEncryption): KeyObject {
  try {
    return createPrivateKey({ key: encryption.decrypt(stored), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new Error(
      'The signing key cannot be decrypted: AUTH_KEY_ENCRYPTION_SECRET is not the one that it was stored with.',
      { cause },
    );
  }
}
