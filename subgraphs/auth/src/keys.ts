import { readKeysConfig, type KeysConfig } from './config.js';
import { openKeyStore } from './modules/signing-keys/open-keys.js';
import { originOf, runCommand, type CommandTools } from './run-command.js';

export type KeysCommand = { readonly kind: 'list' | 'rotate' } | { readonly kind: 'remove'; readonly kid: string };

/**
 * `taskgraph keys list|rotate|remove <kid>`, with the settings of the service; tells the keys that are there afterwards, with `json` as
 * JSON. Returns the exit code.
 */
export function keys(command: KeysCommand, { json }: { readonly json: boolean }): Promise<number> {
  return runCommand('keys', readKeysConfig, (tools) => run(command, json, tools));
}

async function run(
  command: KeysCommand,
  json: boolean,
  { db, config, log }: CommandTools<KeysConfig>,
): Promise<number> {
  const changer = { origin: originOf('keys', log), actorId: null, by: 'command' } as const;
  const store = openKeyStore(db, config).store;
  const tell = (line: string) => void (json ? process.stderr : process.stdout).write(`${line}\n`);
  if (command.kind === 'rotate') {
    const change = await store.rotate(changer);
    tell(`${change?.kid ?? ''} ${change?.isNew ? 'is published' : 'was waiting to sign already'}.`);
  } else if (command.kind === 'remove') {
    const isGone = await store.remove(command.kid, changer);
    tell(isGone ? `${command.kid} is removed.` : `There is no key ${command.kid}.`);
    if (!isGone) return 1;
  }
  const now = new Date();
  const rows = await store.list();
  const signing = rows.find(({ signsFrom }) => signsFrom <= now);
  const listed = rows.map(({ id, createdAt, signsFrom, retiresAt }) => ({
    kid: id,
    state: id === signing?.id ? 'signs' : signsFrom > now ? 'waits' : 'verifies',
    createdAt: createdAt.toISOString(),
    signsFrom: signsFrom.toISOString(),
    retiresAt: retiresAt?.toISOString() ?? null,
  }));
  if (json) process.stdout.write(`${JSON.stringify(listed, null, 2)}\n`);
  else
    for (const { kid, state, createdAt, signsFrom, retiresAt } of listed)
      tell(
        `${kid}  made ${createdAt}  ${state === 'waits' ? `signs from ${signsFrom}` : state}${retiresAt ? `, until ${retiresAt}` : ''}`,
      );
  return 0;
}
