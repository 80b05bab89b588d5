import { InvalidArgumentError } from 'commander';
import { environment, readOperatorConfig, useEmbeddedSettings } from '../config.js';
import type { CommandHost } from '../command-host.js';
import { CommandError } from '../terminal.js';

/** What packages and services bring themselves: migrations, events, the audit log, keys and users. */
export function addServiceCommands({ program, terminal, exit }: CommandHost): void {
  program
    .command('migrate')
    .description('make, apply and undo migrations: migrate <auth|task|media|all> create|up|down|status|reset|resolve')
    .argument('[arguments...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[]) => {
      const { runMigrateCli } = await import('@taskgraph/databases');
      exit(await runMigrateCli(args));
    });

  program
    .command('events')
    .description('dead letters and topics: events list-dead|replay|discard|topology apply')
    .argument('[arguments...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: string[]) => {
      const [{ runEventsCli }, { findDatabase }] = await Promise.all([
        import('@taskgraph/service-kit/events-command'),
        import('../places.js'),
      ]);
      const config = readOperatorConfig();
      const findEmbedded = (name: string) =>
        findDatabase({ ...config, databaseUrls: { auth: null, task: null, media: null } }, name as 'auth').catch(
          (error: unknown) => {
            if (error instanceof CommandError) return null;
            throw error;
          },
        );
      const confirm = (what: string) => terminal.confirm(what, { yes: false, word: 'discard' });
      exit(await runEventsCli({ args, env: environment(), findEmbedded, ...terminal, confirm }));
    });

  const audit = program.command('audit').description('the audit log');
  audit
    .command('verify')
    .description('follow the chain of the audit log, and tell where it does not hold')
    .option('--expect <position:hash>', 'a row that the process has logged', parseExpected)
    .option('--json', 'answer for programs')
    .action(async ({ expect, json = false }: { expect?: { position: string; hash: string }; json?: boolean }) => {
      const { verifyAuditLog } = await loadAuthCommands();
      exit(await verifyAuditLog({ expect: expect ?? null, json }));
    });

  const keys = program.command('keys').description('the keys that sign access tokens');
  const keysCommand = (usage: string, description: string) =>
    keys.command(usage).description(description).option('--json', 'answer for programs');
  keysCommand('list', 'the keys that are published, and which of them signs').action(async ({ json = false }) =>
    exit(await (await loadAuthCommands()).keys({ kind: 'list' }, { json: json as boolean })),
  );
  keysCommand('rotate', 'make the next key: it signs when every service has heard of it').action(
    async ({ json = false }) =>
      exit(await (await loadAuthCommands()).keys({ kind: 'rotate' }, { json: json as boolean })),
  );
  keysCommand('remove <kid>', 'refuse every token that a key has signed, where somebody has got hold of it')
    .option('--yes', 'do not ask')
    .action(async (kid: string, { json = false, yes = false }: { json?: boolean; yes?: boolean }) => {
      const auth = await loadAuthCommands();
      await terminal.confirm(`Every token that ${kid} has signed is refused from then on.`, { yes, word: 'remove' });
      exit(await auth.keys({ kind: 'remove', kid }, { json }));
    });

  const users = program.command('users').description('accounts');
  users
    .command('grant-admin <email>')
    .description('make somebody an administrator')
    .option('--json', 'answer for programs')
    .action(async (email: string, { json = false }: { json?: boolean }) =>
      exit(await (await loadAuthCommands()).grantAdmin(email, { json })),
    );
  users
    .command('revoke-admin <email>')
    .description('take the role of an administrator, and end the sessions that have it')
    .option('--json', 'answer for programs')
    .action(async (email: string, { json = false }: { json?: boolean }) =>
      exit(await (await loadAuthCommands()).revokeAdmin(email, { json })),
    );
  users
    .command('reset-second-factor <email>')
    .description('let somebody in by the password alone who has lost the authenticator and the recovery codes')
    .option('--yes', 'do not ask')
    .option('--json', 'answer for programs')
    .action(async (email: string, { yes = false, json = false }: { yes?: boolean; json?: boolean }) => {
      const auth = await loadAuthCommands();
      await terminal.confirm(`Whoever knows the password of ${email} gets in without a code from then on.`, {
        yes,
        word: 'reset',
      });
      exit(await auth.resetSecondFactor(email, { json }));
    });
}

/** The commands of auth read its settings by themselves: those of the embedded system are given to them. */
async function loadAuthCommands() {
  const config = readOperatorConfig();
  const { findDatabase } = await import('../places.js');
  const url = await findDatabase(config, 'auth');
  if (config.databaseUrls.auth === null) useEmbeddedSettings(config, { AUTH_DATABASE_URL: url });
  return import('@taskgraph/auth/commands');
}

function parseExpected(text: string): { position: string; hash: string } {
  const [, position, hash] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (position === undefined || hash === undefined) throw new InvalidArgumentError('It is <position>:<hash>.');
  return { position, hash };
}
