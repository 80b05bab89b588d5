import { inTransaction } from '@taskgraph/service-kit';
import { readCommandConfig } from './config.js';
import { normaliseEmail } from './modules/accounts/account-input.js';
import { recordAudit } from './modules/audit/service.js';
import { originOf, runCommand } from './run-command.js';

/** `npm run grant-admin -- <email>`: makes the user with this address an administrator. */
async function grantAdmin(email: string | undefined): Promise<number> {
  if (email === undefined) {
    process.stderr.write('Usage: npm run grant-admin -- <email>\n');
    return 2;
  }
  return runCommand('grant-admin', readCommandConfig, async ({ db, log }) => {
    const origin = originOf('grant-admin', log);
    const count = await inTransaction(db, async (tx) => {
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
  });
}

process.exitCode = await grantAdmin(process.argv[2]);
