import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { databaseName, withClient } from '../cluster-connection.js';
import { MigrationError } from './migration-error.js';

export interface ScratchDatabase extends AsyncDisposable {
  readonly url: string;
}

/** PostgreSQL cuts names at 63 bytes. */
const MAX_PREFIX_CHARACTERS = 40;
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Creates an empty database beside the one of `url`, for the engine to try migrations on. Disposing drops it.
 *
 * @throws MigrationError NO_SCRATCH_DATABASE when the user may not create databases
 */
export async function createScratchDatabase(url: string): Promise<ScratchDatabase> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  // One that a killed process leaves behind tells by its name whose it was.
  const name = `${databaseName(url).slice(0, MAX_PREFIX_CHARACTERS)}_scratch_${randomBytes(6).toString('hex')}`;
  try {
    // template0 is bare: what an administrator put into template1 is no part of the schema.
    await withClient(admin.href, (client) =>
      client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0`),
    );
  } catch (cause) {
    if ((cause as { code?: string }).code !== INSUFFICIENT_PRIVILEGE) throw cause;
    throw new MigrationError(
      'NO_SCRATCH_DATABASE',
      `The user ${decodeURIComponent(admin.username)} may not create the scratch database that this needs.`,
      {
        cause,
        advice:
          'Run this against the embedded PostgreSQL (leave the *_DATABASE_URL settings unset), or give the user CREATEDB.',
      },
    );
  }
  const scratch = new URL(url);
  scratch.pathname = `/${name}`;
  return {
    url: scratch.href,
    async [Symbol.asyncDispose]() {
      await withClient(admin.href, (client) =>
        client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`),
      );
    },
  };
}
