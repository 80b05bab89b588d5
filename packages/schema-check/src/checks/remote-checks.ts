import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { RemoteKeys } from '../config.js';
import type { Finding } from '../finding.js';
import type { SubgraphSource } from '../sources/subgraph-sources.js';

/** What these programs say is for people: more of it helps nobody. */
const MAX_OUTPUT = 4_000;

/**
 * Asks registries elsewhere, where there are keys for them: GraphOS by `rover subgraph check`, Hive by `hive schema:check`. What they refuse is an
 * error, and so is a program that is not there: a user who sets a key wants the registry to be asked.
 *
 * @param root where the programs run, so that those of the repository's own node_modules are found
 */
export async function checkElsewhere(
  root: string,
  sources: readonly SubgraphSource[],
  { graphRef, hasHive, env }: RemoteKeys,
): Promise<Finding[]> {
  if (graphRef === null && !hasHive) return [];
  const ask = async (program: string, parameters: readonly string[], subgraph: string) =>
    toFindings(program, subgraph, await run(program, parameters, { cwd: root, env }));
  const folder = mkdtempSync(path.join(tmpdir(), 'schema-check-'));
  try {
    const findings: Finding[] = [];
    for (const { name, url, text } of sources) {
      const file = path.join(folder, `${name}.graphql`);
      writeFileSync(file, text);
      if (graphRef !== null) {
        const parameters = ['subgraph', 'check', graphRef, '--name', name, '--schema', file];
        findings.push(...(await ask('rover', parameters, name)));
      }
      if (hasHive) findings.push(...(await ask('hive', ['schema:check', '--service', name, '--url', url, file], name)));
    }
    return findings;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function toFindings(program: string, subgraph: string, { status, output }: Outcome): Finding[] {
  if (status === 0) return [];
  const what = status === null ? `${program} cannot be run` : `${program} refuses the subgraph ${subgraph}`;
  return [
    {
      check: 'elsewhere',
      code: status === null ? 'NO_PROGRAM' : `REFUSED_BY_${program.toUpperCase()}`,
      severity: 'error',
      message: `${what}: ${output.trim().slice(0, MAX_OUTPUT)}`,
      schema: `subgraph ${subgraph}`,
    },
  ];
}

interface Outcome {
  /** Null where the program cannot be started. */
  readonly status: number | null;
  readonly output: string;
}

function run(
  program: string,
  parameters: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => void (output = (output + chunk).slice(-MAX_OUTPUT)));
    child.once('error', (error) => resolve({ status: null, output: error.message }));
    // A signal is no success.
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
  });
}
