import { readCommandConfig } from './config.js';
import { normaliseEmail } from './modules/accounts/account-input.js';
import { resetSecondFactor as turnOff } from './modules/second-factor/reset.js';
import { originOf, runCommand } from './run-command.js';

/** `taskgraph users reset-second-factor <email>`: lets the password alone in again. Returns the exit code. */
export async function resetSecondFactor(email: string, { json }: { readonly json: boolean }): Promise<number> {
  const name = 'reset-second-factor';
  return runCommand(name, readCommandConfig, async ({ db, log }) => {
    const wasOn = await turnOff(db, originOf(name, log), normaliseEmail(email));
    const outcome =
      wasOn === null
        ? `There is no account with the address ${email}.`
        : wasOn
          ? `The second factor of ${email} is off: the password alone lets its owner in.`
          : `${email} has no second factor.`;
    const told = { email, hasAccount: wasOn !== null, wasOn: wasOn ?? false };
    process.stdout.write(`${json ? JSON.stringify(told, null, 2) : outcome}\n`);
    return wasOn ? 0 : 1;
  });
}
