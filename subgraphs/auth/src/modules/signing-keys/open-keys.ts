import type { AuthConfig } from '../../config.js';
import type { AuthDb } from '../../db.js';
import { createKeyEncryption, type KeyEncryption } from '../../key-encryption.js';
import { recordAudit } from '../audit/service.js';
import { createKeyStore, type KeyStore } from './key-store.js';

/** Clocks of processes differ, and a token may be issued in the last moment of its key. */
const SLACK_SECONDS = 60;

/** Opens the keys that the settings name. */
export function openKeyStore(
  db: AuthDb,
  config: Pick<
    AuthConfig,
    | 'ACCESS_TOKEN_LIFETIME_SECONDS'
    | 'AUTH_KEY_ENCRYPTION_SECRET'
    | 'AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS'
    | 'KEY_PUBLISH_AHEAD_SECONDS'
  >,
): { readonly store: KeyStore; readonly encryption: KeyEncryption } {
  const encryption = createKeyEncryption(config.AUTH_KEY_ENCRYPTION_SECRET, config.AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS);
  const store = createKeyStore({
    db,
    encryption,
    publishAheadMs: config.KEY_PUBLISH_AHEAD_SECONDS * 1000,
    keepMs: (config.ACCESS_TOKEN_LIFETIME_SECONDS + SLACK_SECONDS) * 1000,
    record: (tx, { origin, actorId, by }, kid, change) =>
      recordAudit(tx, origin, {
        action: 'KEY_ROTATION',
        outcome: 'SUCCESS',
        actorId,
        subject: null,
        object: kid,
        details: { change, by },
      }),
  });
  return { store, encryption };
}
