import { days, doParts, purgeAll, runWork, transactionTimes } from '@taskgraph/service-kit';
import { readWorkConfig } from './config.js';
import { createAuthDb } from './db.js';
import { byAge } from './modules/signing-keys/key-ring.js';
import { openKeyStore } from './modules/signing-keys/open-keys.js';
import { retentionRules } from './retention.js';

// What this service does by the clock, once, for a scheduler: rows whose time is over are deleted, and the signing key gets a successor when
// it is due.
process.exitCode = await runWork({
  service: 'auth',
  args: process.argv.slice(2),
  readConfig: readWorkConfig,
  databaseUrl: ({ AUTH_DATABASE_URL }) => AUTH_DATABASE_URL,
  async work({ config, pool, log }) {
    const db = createAuthDb(pool, transactionTimes(config));
    const { KEY_ROTATION_DAYS } = config;
    const purged = await purgeAll({ db, rules: retentionRules(config) });
    const { done, faults } = await doParts({
      async signing_keys() {
        if (KEY_ROTATION_DAYS === 0) return {};
        const change = await openKeyStore(db, config).store.rotate(byAge(log), days(KEY_ROTATION_DAYS));
        return { signing_keys: change?.isNew ? 1 : 0 };
      },
    });
    return { done: { ...purged.counts, ...done }, faults: new Map([...purged.faults, ...faults]) };
  },
});
