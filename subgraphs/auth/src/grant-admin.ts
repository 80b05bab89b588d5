import { uuid7 } from '@taskgraph/contracts';
import { createLog, createMetrics, createPgPool, inTransaction, loadEnvFile } from '@taskgraph/service-kit';
import { readAuthConfig } from './config.js';
import { createAuthDb } from './db.js';
import { normaliseEmail } from './modules/accounts/account-input.js';
import { recordAudit } from './modules/audit/service.js';

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
    const log = createLog({ service: 'grant-admin', level: 'error' });
    // Who has the database and this command is nobody whom the graph knows.
    const origin = {
      clientInfo: { ipAddress: null, userAgent: 'grant-admin', clientName: null },
      requestId: uuid7(),
      log,
    };
    const count = await inTransaction(createAuthDb(pool), async (tx) => {
      const changed = await tx.user.updateManyAndReturn({
        where: { email: normaliseEmail(email) },
        data: { role: 'ADMIN' },
        select: { id: true },
      });
      for (const { id } of changed)
        await recordAudit(tx, origin, {
          action: 'ROLE_CHANGE',
          outcome: 'SUCCESS',
          actorId: null,
          subject: id,
          details: { role: 'ADMIN' },
        });
      return changed.length;
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
