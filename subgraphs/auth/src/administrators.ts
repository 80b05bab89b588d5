import { readCommandConfig } from './config.js';
import { normaliseEmail } from './modules/accounts/account-input.js';
import { changeRole } from './modules/roles/service.js';
import { originOf, runCommand } from './run-command.js';

interface Output {
  readonly json: boolean;
}

/** `taskgraph users grant-admin <email>`: makes the user with this address an administrator. Returns the exit code. */
export async function grantAdmin(email: string, { json }: Output): Promise<number> {
  return runCommand('grant-admin', readCommandConfig, async ({ db, log }) => {
    const changed = await changeRole(db, originOf('grant-admin', log), normaliseEmail(email), 'ADMIN');
    tell(json, { email, isAdministrator: changed !== null, changed: changed === true }, changed, {
      done: `${email} is an administrator from the next login or refresh on.`,
      before: `${email} is an administrator already.`,
    });
    return changed === null ? 1 : 0;
  });
}

/** `taskgraph users revoke-admin <email>`: takes the role, and ends the sessions that have it. Returns the exit code. */
export async function revokeAdmin(email: string, { json }: Output): Promise<number> {
  return runCommand('revoke-admin', readCommandConfig, async ({ db, log }) => {
    const changed = await changeRole(db, originOf('revoke-admin', log), normaliseEmail(email), 'USER');
    tell(json, { email, hasAccount: changed !== null, changed: changed === true }, changed, {
      done: `${email} is no administrator any more, and all sessions of the account have ended.`,
      before: `${email} is no administrator.`,
    });
    return changed === null ? 1 : 0;
  });
}

function tell(
  json: boolean,
  answer: { readonly email: string; readonly changed: boolean } & Readonly<Record<string, string | boolean>>,
  changed: boolean | null,
  { done, before }: { readonly done: string; readonly before: string },
): void {
  const outcome = changed === null ? `There is no account with the address ${answer.email}.` : changed ? done : before;
  process.stdout.write(`${json ? JSON.stringify(answer, null, 2) : outcome}\n`);
}
