import { inTransaction } from '@taskgraph/service-kit';
import { readCommandConfig } from './config.js';
import { normaliseEmail } from './modules/accounts/account-input.js';
import { recordAudit } from './modules/audit/service.js';
import { originOf, runCommand } from './run-command.js';

/** `taskgraph users grant-admin <email>`: makes the user with this address an administrator. Returns the exit code. */
export async function grantAdmin(email: string, { json }: { readonly json: boolean }): Promise<number> {
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
    const outcome =
      count > 0
        ? `${email} is an administrator from the next login or refresh on.`
        : `There is no account with the address ${email}.`;
    process.stdout.write(`${json ? JSON.stringify({ email, isAdministrator: count > 0 }, null, 2) : outcome}\n`);
    return count > 0 ? 0 : 1;
  });
}
