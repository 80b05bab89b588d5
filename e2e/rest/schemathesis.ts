import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from '@jest/globals';

const TOOL = 'schemathesis';
const INSTALLER = fileURLToPath(new URL('../../scripts/run-tool.mjs', import.meta.url));
/** What it finds once, it finds again. */
const SEED = '1';
const MAX_EXAMPLES = '3';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

export interface Fuzzing {
  /** What all requests carry. */
  readonly headers: Readonly<Record<string, string>>;
  readonly phases: ReadonlyArray<'coverage' | 'fuzzing'>;
  /** Ids of things that are there, by the beginnings of paths. */
  readonly ids: Readonly<Record<string, string>>;
}

export interface Fuzzed {
  readonly passed: boolean;
  /** How many requests were made. */
  readonly requests: number;
  readonly output: string;
}

/**
 * The place of Schemathesis, which Python installs into `.tools/` once; null without Python. Tests that need it are skipped then, which
 * fails in CI.
 */
function findSchemathesis(): string | null {
  const { status, stdout, stderr } = spawnSync(process.execPath, [INSTALLER, '--where', TOOL], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status !== 0) process.stderr.write(`Requests made from the OpenAPI document are skipped. ${stderr.trim()}\n`);
  return status === 0 ? (stdout.trim().split('\n').at(-1) ?? null) : null;
}

const binary = findSchemathesis();
export const withSchemathesis: typeof it.skip = binary === null ? it.skip : it;

/** Makes requests, good and bad, from the OpenAPI document of a gateway, and holds the answers against it. */
export async function fuzz(origin: string, { headers, phases, ids }: Fuzzing): Promise<Fuzzed> {
  if (binary === null) throw new Error('Schemathesis is not there');
  // It remembers what it has found in the folder where it runs.
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-schemathesis-'));
  try {
    const config = path.join(folder, 'schemathesis.toml');
    await writeFile(config, toConfig(ids));
    const parameters = [
      ...['--config-file', config, '--no-color', 'run', `${origin}/api/openapi.json`],
      ...['--seed', SEED, '--max-examples', MAX_EXAMPLES, '--checks', CHECKS.join(','), '--phases', phases.join(',')],
      ...['--no-shrink', '--continue-on-failure', '--warnings', 'off', '--suppress-health-check', 'all'],
      ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    ];
    const env = { ...process.env, PYTHONPATH: path.resolve(path.dirname(binary), '..') };
    return await new Promise((resolve) => {
      execFile(binary, parameters, { cwd: folder, env, maxBuffer: 64_000_000 }, (error, stdout, stderr) => {
        const output = stdout + stderr;
        resolve({ passed: error === null, requests: Number(/(\d+) generated/.exec(output)?.[1] ?? 0), output });
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toConfig(ids: Fuzzing['ids']): string {
  const operations = Object.entries(ids).map(
    ([start, id]) =>
      `[[operations]]\ninclude-path-regex = "^${start}/"\nexclude-method = "DELETE"\nparameters = { "path.id" = "${id}" }\n`,
  );
  // By itself it opens an account and signs in where it finds how.
  return ['[auth]\nauto-signup = false\n', ...operations].join('\n');
}
