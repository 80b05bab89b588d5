import { purgeAll, runWork, transactionTimes } from '@taskgraph/service-kit';
import { readWorkConfig } from './config.js';
import { createTaskDb } from './db.js';
import { retentionRules } from './retention.js';

// What this service does by the clock, once, for a scheduler: rows whose time is over are deleted.
process.exitCode = await runWork({
  service: 'task',
  args: process.argv.slice(2),
  readConfig: readWorkConfig,
  databaseUrl: ({ TASK_DATABASE_URL }) => TASK_DATABASE_URL,
  async work({ config, pool }) {
    const { counts, faults } = await purgeAll({
      db: createTaskDb(pool, transactionTimes(config)),
      rules: retentionRules(config),
    });
    return { done: counts, faults };
  },
});
