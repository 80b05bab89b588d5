import type { Log } from '@taskgraph/service-kit';
import type { AuthDb, AuthDbClient } from '../../db.js';
import type { SecondFactor } from '../../generated/prisma/client.js';
import type { KeyEncryption } from '../../key-encryption.js';

export interface TotpVaultOptions {
  readonly db: AuthDb;
  readonly encryption: KeyEncryption;
  /** Whether secrets may lie under the secret before the present one: they are stored anew then. */
  readonly renews: boolean;
  readonly log: Log;
}

/** Keeps the secrets of authenticators: in the database they are encrypted, and a holder of the database alone makes no codes. */
export interface TotpVault {
  seal(secret: Buffer): Uint8Array<ArrayBuffer>;
  /** @throws when it was stored under a secret that is not set any more */
  open(stored: Uint8Array): Buffer;
  close(): Promise<void>;
}

const BATCH = 500;

/** Opens the vault. What lies under the secret before the present one is stored under the present one, beside what is asked for meanwhile. */
export function createTotpVault({ db, encryption, renews, log }: TotpVaultOptions): TotpVault {
  let isClosed = false;

  async function renewAll(): Promise<void> {
    let renewed = 0;
    for (let after: string | null = null; !isClosed;) {
      const rows: SecondFactor[] = await db.secondFactor.findMany({
        where: after === null ? {} : { userId: { gt: after } },
        orderBy: { userId: 'asc' },
        take: BATCH,
      });
      for (const row of rows) if (await renew(db, row)) renewed += 1;
      after = rows.at(-1)?.userId ?? null;
      if (rows.length < BATCH) {
        log.info({ renewed }, 'every second factor is stored under the present secret');
        return;
      }
    }
  }

  async function renew(client: AuthDbClient, { userId, encryptedSecret }: SecondFactor): Promise<boolean> {
    try {
      const { renewed } = encryption.decrypt(encryptedSecret);
      if (!renewed) return false;
      // One that was set up anew meanwhile stays.
      await client.secondFactor.updateMany({ where: { userId, encryptedSecret }, data: { encryptedSecret: renewed } });
      return true;
    } catch (error) {
      log.error({ err: error, userId }, 'a second factor could not be stored under the present secret');
      return false;
    }
  }

  const renewing = renews
    ? renewAll().catch((error: unknown) => log.error({ err: error }, 'second factors could not be stored anew'))
    : Promise.resolve();
  return {
    seal: (secret) => encryption.encrypt(secret),
    open: (stored) => encryption.decrypt(stored).plain,
    async close() {
      isClosed = true;
      await renewing;
    },
  };
}
