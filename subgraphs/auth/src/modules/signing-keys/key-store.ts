import { createHash, generateKeyPairSync } from 'node:crypto';
import { jsonWebKey, TOKEN_ALGORITHM, type PublicJsonWebKey } from '@taskgraph/contracts';
import { inTransaction } from '@taskgraph/service-kit';
import type { AuthDb, AuthDbClient, AuthTx } from '../../db.js';
import type { SigningKey } from '../../generated/prisma/client.js';
import type { KeyEncryption } from '../../key-encryption.js';
import type { AuditOrigin } from '../../audit-origin.js';

/** Any number that nothing else in this database locks. */
const KEY_CHANGE_LOCK = 712_003_001;

export interface KeyStoreOptions {
  readonly db: AuthDb;
  readonly encryption: KeyEncryption;
  /** From the publication of a key to its first signature: by then every process and every cache knows it. */
  readonly publishAheadMs: number;
  /** How long a key is published after its last signature: as long as the last token lives. */
  readonly keepMs: number;
  /** Puts a change on record, as the last step of its transaction. */
  readonly record: (tx: AuthTx, changer: KeyChanger, kid: string, change: RecordedChange) => Promise<void>;
}

/** What is put on record of a key: `awaited` where the next one was waiting to sign already. */
export type RecordedChange = 'made' | 'awaited' | 'removed';

export interface KeyChange {
  readonly kid: string;
  /** Whether it was made now; not when one was waiting to sign already, or another process was first. */
  readonly isNew: boolean;
}

/** By whom, or by what, keys are changed: it is put on record with the change. */
export interface KeyChanger {
  readonly origin: AuditOrigin;
  /** Null where nobody is known: a process by the age of a key, or an operator by the command. */
  readonly actorId: string | null;
  readonly by: 'age' | 'request' | 'command';
}

/** The keys of an installation in its database. Changes come one after the other, whatever process makes them. */
export interface KeyStore {
  /** The newest first; those whose time is over are removed. Makes the first key when there is none. */
  list(): Promise<SigningKey[]>;
  /**
   * Makes the next key, which signs when everybody has had time to hear of it. One that waits for that already is the next.
   *
   * @param ifOlderThanMs does nothing when the newest is younger
   */
  rotate(changer: KeyChanger, ifOlderThanMs?: number): Promise<KeyChange | null>;
  /** Removes a key at once, with all tokens that it has signed; another signs at once when it was the one that signs. False when there is none. */
  remove(kid: string, changer: KeyChanger): Promise<boolean>;
  /** Stores a private key that was encrypted under the secret before the present one. */
  renew(kid: string, encryptedPrivateKey: Uint8Array<ArrayBuffer>): Promise<void>;
}

export function createKeyStore({ db, encryption, publishAheadMs, keepMs, record }: KeyStoreOptions): KeyStore {
  /** Runs alone among all processes of the installation. */
  function alone<Result>(work: (tx: AuthTx) => Promise<Result>): Promise<Result> {
    return inTransaction(db, async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${KEY_CHANGE_LOCK})`;
      return work(tx);
    });
  }

  function createKey(tx: AuthTx, signsFrom: Date): Promise<SigningKey> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x, y } = publicKey.export({ format: 'jwk' }) as { x: string; y: string };
    const kid = thumbprint(x, y);
    const publicJwk: PublicJsonWebKey = { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: TOKEN_ALGORITHM };
    const encryptedPrivateKey = encryption.encrypt(privateKey.export({ format: 'der', type: 'pkcs8' }));
    return tx.signingKey.create({ data: { id: kid, publicJwk, encryptedPrivateKey, signsFrom } });
  }

  return {
    async list() {
      const now = new Date();
      const rows = await listKeys(db);
      if (rows.some(({ retiresAt }) => retiresAt === null) && rows.every((row) => !isOver(row, now))) return rows;
      return alone(async (tx) => {
        await tx.signingKey.deleteMany({ where: { retiresAt: { lte: now } } });
        const left = await listKeys(tx);
        return left.some(({ retiresAt }) => retiresAt === null) ? left : [await createKey(tx, now), ...left];
      });
    },
    rotate(changer, ifOlderThanMs) {
      return alone(async (tx) => {
        const now = new Date();
        const [newest] = await listKeys(tx);
        if (newest && ifOlderThanMs !== undefined && now.getTime() - newest.createdAt.getTime() < ifOlderThanMs)
          return null;
        if (newest && newest.signsFrom > now) {
          if (changer.by !== 'age') await record(tx, changer, newest.id, 'awaited');
          return { kid: newest.id, isNew: false };
        }
        const signsFrom = new Date(now.getTime() + (newest ? publishAheadMs : 0));
        await tx.signingKey.updateMany({
          where: { retiresAt: null },
          data: { retiresAt: new Date(signsFrom.getTime() + keepMs) },
        });
        const { id } = await createKey(tx, signsFrom);
        await record(tx, changer, id, 'made');
        return { kid: id, isNew: true };
      });
    },
    remove(kid, changer) {
      return alone(async (tx) => {
        const { count } = await tx.signingKey.deleteMany({ where: { id: kid } });
        if (count === 0) return false;
        const now = new Date();
        const left = await listKeys(tx);
        let made: string | null = null;
        const signs = left.some(({ signsFrom, retiresAt }) => retiresAt === null && signsFrom <= now);
        if (!signs) {
          const next = left.find(({ retiresAt }) => retiresAt === null);
          if (next) await tx.signingKey.update({ where: { id: next.id }, data: { signsFrom: now } });
          else made = (await createKey(tx, now)).id;
        }
        await record(tx, changer, kid, 'removed');
        if (made !== null) await record(tx, changer, made, 'made');
        return true;
      });
    },
    async renew(kid, encryptedPrivateKey) {
      await db.signingKey.updateMany({ where: { id: kid }, data: { encryptedPrivateKey } });
    },
  };
}

function listKeys(db: AuthDbClient): Promise<SigningKey[]> {
  return db.signingKey.findMany({ orderBy: [{ signsFrom: 'desc' }, { id: 'asc' }] });
}

export function isOver({ retiresAt }: Pick<SigningKey, 'retiresAt'>, now: Date): boolean {
  return retiresAt !== null && retiresAt <= now;
}

/** The public half of a stored key. */
export function publicJwkOf({ publicJwk }: Pick<SigningKey, 'publicJwk'>): PublicJsonWebKey {
  return jsonWebKey.parse(publicJwk);
}

/** RFC 7638: members in lexical order, no white space. */
function thumbprint(x: string, y: string): string {
  return createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url');
}
