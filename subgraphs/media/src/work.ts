import { doParts, purgeAll, runWork, transactionTimes, unavailable } from '@taskgraph/service-kit';
import { readWorkConfig } from './config.js';
import { createMediaDb } from './db.js';
import { toCleaning } from './modules/upkeep/settings.js';
import { cleanUp } from './modules/upkeep/upkeep.js';
import { RETENTION_RULES } from './retention.js';
import { StorageError } from './storage/object-store.js';
import { openStorage } from './storage/open-storage.js';
import { createMediaTelemetry } from './telemetry.js';

// What this service does by the clock, once, for a scheduler: rows whose time is over are deleted, left-overs are swept, and what can be
// restored no more is removed. Where files are has to be what the service has.
process.exitCode = await runWork({
  service: 'media',
  args: process.argv.slice(2),
  readConfig: readWorkConfig,
  databaseUrl: ({ MEDIA_DATABASE_URL }) => MEDIA_DATABASE_URL,
  async work({ config, pool, log, metrics }) {
    const db = createMediaDb(pool, transactionTimes(config));
    const purged = await purgeAll({ db, rules: RETENTION_RULES });
    const { done, faults } = await doParts({
      async sweep() {
        const { store, spool, staging } = await openStorage(config);
        try {
          return await cleanUp({
            ...{ db, store, spool, staging, telemetry: createMediaTelemetry(metrics), log },
            ...toCleaning(config),
          });
        } catch (error) {
          throw error instanceof StorageError ? unavailable('media', error, 'STORAGE_UNAVAILABLE') : error;
        } finally {
          await spool.close();
        }
      },
    });
    return { done: { ...purged.counts, ...done }, faults: new Map([...purged.faults, ...faults]) };
  },
});
