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
    .option('--json', 'answer for programs')
    .action(async ({ check = false, json = false }: Flags) => exit(await compose({ check, json })));
  schema
    .command('check')
    .description('tell whether it is what the subgraphs compose to; the same as compose --check')
    .option('--json', 'answer for programs')
    .action(async ({ json = false }: Flags) => exit(await compose({ check: true, json })));
}

interface Flags {
  readonly check?: boolean;
  readonly json?: boolean;
}

function compose({ check, json }: Required<Flags>): Promise<number> {
  const parameters = [...(check ? ['--check'] : []), ...(json ? ['--json'] : [])];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(REPOSITORY, 'scripts/compose.mjs'), ...parameters], {
      stdio: 'inherit',
    });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}
