import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { readJson, writeJson, type DataDir } from './data-dir.js';
import { LaunchError } from './launch-error.js';

const schema = z.object({
  AUTH_KEY_ENCRYPTION_SECRET: z.string().min(32),
  MEDIA_URL_SECRET: z.string().min(32),
});

export type Secrets = z.output<typeof schema>;

/** What gateway and subgraphs of one process share: made at each start, since nothing that is stored depends on it. */
export type StartSecrets = Secrets & { readonly CLIENT_INFO_SECRET: string };

const STANDS_FOR_ONE = 'what is read from the folder of data';

/** Good enough to look for faults in the settings with, before the real ones are read. */
export const PLACEHOLDER_SECRETS: StartSecrets = {
  CLIENT_INFO_SECRET: STANDS_FOR_ONE,
  AUTH_KEY_ENCRYPTION_SECRET: STANDS_FOR_ONE,
  MEDIA_URL_SECRET: STANDS_FOR_ONE,
};

/**
 * Returns the secrets of this data folder, made at the first start. (The database's password is kept with the database.)
 *
 * @throws LaunchError when they are lost or damaged: made anew, they would not open what is stored
 */
export async function readOrCreateSecrets(dataDir: DataDir): Promise<StartSecrets> {
  return { ...(await readOrCreateStored(dataDir)), CLIENT_INFO_SECRET: newSecret() };
}

async function readOrCreateStored(dataDir: DataDir): Promise<Secrets> {
  const content = await readJson(dataDir.secrets).catch((error: unknown) => {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  });
  if (content === null) {
    if (existsSync(dataDir.postgres)) throw lost(dataDir, 'is missing');
    const secrets = { AUTH_KEY_ENCRYPTION_SECRET: newSecret(), MEDIA_URL_SECRET: newSecret() };
    await writeJson(dataDir.secrets, secrets);
    return secrets;
  }
  const outcome = schema.safeParse(content);
  if (!outcome.success) throw lost(dataDir, 'is damaged');
  return outcome.data;
}

function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

function lost({ secrets }: DataDir, how: string): LaunchError {
  return new LaunchError(`${secrets} ${how}, and without it the signing keys in the database cannot be decrypted.`, [
    'Restore the file from a copy, or start over (all accounts, tasks and pictures are lost): npm start -- --reset',
  ]);
}
