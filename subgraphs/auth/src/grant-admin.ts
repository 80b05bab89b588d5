import { createLog, createMetrics, createPgPool, loadEnvFile } from '@taskgraph/service-kit';
import { readAuthConfig } from './config.js';
import { createAuthDb } from './db.js';
import { normaliseEmail } from './modules/accounts/account-input.js';

/** `npm run grant-admin -w subgraphs/auth -- <email>`: makes the user with this address an administrator. */
async function grantAdmin(email: string | undefined): Promise<number> {
  if (email === undefined) {
    process.stderr.write('Usage: npm run grant-admin -w subgraphs/auth -- <email>\n');
    return 2;
  }
  loadEnvFile();
  const config = readAuthConfig();
  const pool = createPgPool({
    connectionString: config.AUTH_DATABASE_URL,
    max: 1,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: 'taskgraph-grant-admin',
    metrics: createMetrics('grant-admin'),
    log: createLog({ service: 'grant-admin', level: 'error' }),
  });
  try {
    const { count } = await createAuthDb(pool).user.updateMany({
      where: { email: normaliseEmail(email) },
      data: { role: 'ADMIN' },
    });
    process.stdout.write(
      count > 0
        ? `${email} is an administrator from the next login or refresh on.\n`
        : `There is no account with the address ${email}.\n`,
    );
    return count > 0 ? 0 : 1;
  } finally {
    await pool.end();
  }
}

process.exitCode = await grantAdmin(process.argv[2]);
