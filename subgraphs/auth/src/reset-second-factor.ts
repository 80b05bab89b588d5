import { readCommandConfig } from './config.js';
import { normaliseEmail } from './modules/accounts/account-input.js';
import { resetSecondFactor } from './modules/second-factor/reset.js';
import { originOf, runCommand } from './run-command.js';

/** `npm run reset-second-factor -- <email>`: lets the password alone in again. */
async function run(email: string | undefined): Promise<number> {
  if (email === undefined) {
    process.stderr.write('Usage: npm run reset-second-factor -- <email>\n');
    return 2;
  }
  const name = 'reset-second-factor';
  return runCommand(name, readCommandConfig, async ({ db, log }) => {
    const wasOn = await resetSecondFactor(db, originOf(name, log), normaliseEmail(email));
    const outcome =
      wasOn === null
        ? `There is no account with the address ${email}.`
        : wasOn
          ? `The second factor of ${email} is off: the password alone lets its owner in.`
          : `${email} has no second factor.`;
    process.stdout.write(`${outcome}\n`);
    return wasOn ? 0 : 1;
  });
}

process.exitCode = await run(process.argv[2]);
