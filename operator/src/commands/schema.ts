import { spawn } from 'node:child_process';
import path from 'node:path';
import { REPOSITORY } from '../config.js';
import type { CommandHost } from '../command-host.js';

export function addSchemaCommands({ program, exit }: CommandHost): void {
  const schema = program
    .command('schema')
    .description('gateway/supergraph.graphql, which is composed from the subgraphs’ SDL');
  schema
    .command('compose')
    .description('write it')
    .option('--check', 'only compare')
    .action(async ({ check = false }: { check?: boolean }) => exit(await compose(check ? ['--check'] : [])));
  schema
    .command('check')
    .description('tell whether it is what the subgraphs compose to; the same as compose --check')
    .action(async () => exit(await compose(['--check'])));
}

function compose(parameters: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(REPOSITORY, 'scripts/compose.mjs'), ...parameters], {
      stdio: 'inherit',
    });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
