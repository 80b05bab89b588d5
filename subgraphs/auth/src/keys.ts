import { readKeysConfig, type KeysConfig } from './config.js';
import { openKeyStore } from './modules/signing-keys/open-keys.js';
import { runCommand, type CommandTools } from './run-command.js';

const USAGE = `Usage: npm run keys -- list | rotate | remove <kid>

  list           the keys that are published, and which of them signs
  rotate         makes the next key: published at once, it signs when every service has heard of it
  remove <kid>   for a key that somebody has got hold of: every token that it has signed is refused from now on
`;

/** `npm run keys -- list|rotate|remove <kid>`, with the settings of the service. */
async function keys([command, kid]: readonly string[]): Promise<number> {
  const work = command === 'list' || command === 'rotate' || (command === 'remove' && kid !== undefined);
  if (!work) {
    process.stderr.write(USAGE);
    return 2;
  }
  return runCommand('keys', readKeysConfig, (tools) => run(command, kid, tools));
}

async function run(
  command: string,
  kid: string | undefined,
  { db, config }: CommandTools<KeysConfig>,
): Promise<number> {
  const store = openKeyStore(db, config).store;
  if (command === 'rotate') {
    const change = await store.rotate();
    process.stdout.write(`${change?.kid ?? ''} ${change?.isNew ? 'is published' : 'was waiting to sign already'}.\n`);
  } else if (command === 'remove') {
    const isGone = await store.remove(kid ?? '');
    process.stdout.write(isGone ? `${kid} is removed.\n` : `There is no key ${kid}.\n`);
    if (!isGone) return 1;
  }
  const now = new Date();
  const rows = await store.list();
  const signing = rows.find(({ signsFrom }) => signsFrom <= now);
  for (const { id, createdAt, signsFrom, retiresAt } of rows) {
    const state = id === signing?.id ? 'signs' : signsFrom > now ? `signs from ${signsFrom.toISOString()}` : 'verifies';
    const end = retiresAt ? `, until ${retiresAt.toISOString()}` : '';
    process.stdout.write(`${id}  made ${createdAt.toISOString()}  ${state}${end}\n`);
  }
  return 0;
}

process.exitCode = await keys(process.argv.slice(2));
