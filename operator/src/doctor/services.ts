import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { REPOSITORY } from '../config.js';
import { skewed } from './backends.js';
import { fault, ok, warning, type Finding } from './finding.js';

const SERVICES = { gateway: 3000, auth: 3001, task: 3002, media: 3003 } as const;
const TIMEOUT_MS = 3_000;
/** Of a Date header, which tells seconds, and half a round trip. */
const MAX_SKEW_MS = 2_000;

/** Each service: whether it answers, is ready, and has our time; where nobody answers, whether its port is free. */
export async function checkServices(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const checks = Object.entries(SERVICES).flatMap(([name, defaultPort]) => {
    const port = Number(env[`${name.toUpperCase()}_PORT`] || defaultPort);
    return addressesOf(name, env).map((set) => checkService(name, port, set));
  });
  return (await Promise.all(checks)).flat();
}

/** As they are set, several with commas between them; one that is null where none is. */
function addressesOf(name: string, env: NodeJS.ProcessEnv): ReadonlyArray<string | null> {
  const list = name === 'gateway' ? '' : (env[`${name.toUpperCase()}_URL`] ?? '');
  const urls = list.split(',').flatMap((url) => url.trim() || []);
  return urls.length > 0 ? urls : [null];
}

async function checkService(name: string, port: number, set: string | null): Promise<Finding[]> {
  const url = set ?? `http://127.0.0.1:${port}`;
  const startedAt = Date.now();
  let response: Response;
  try {
    response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await response.arrayBuffer();
  } catch (error) {
    const { code } = ((error as { cause?: unknown }).cause ?? {}) as { code?: string };
    if (set) return [fault(name, `${url} does not answer (${code ?? 'time-out'})`, 'Start it, or correct its URL.')];
    if (await isPortFree(port)) return [ok(name, `not running; port ${port} is free`)];
    return [
      fault(
        name,
        `port ${port} is taken by a program that does not answer HTTP`,
        `Stop it, or set ${name.toUpperCase()}_PORT.`,
      ),
    ];
  }
  if (response.status !== 200 && response.status !== 503)
    return [
      fault(
        name,
        `${url} is answered by another program (HTTP ${response.status})`,
        `Stop it, or set ${name.toUpperCase()}_PORT.`,
      ),
    ];
  const findings = [
    response.ok
      ? ok(name, `${url} is ready`)
      : warning(name, `${url} is not ready`, `Ask it what is missing: ${url}/health`),
  ];
  const date = Date.parse(response.headers.get('date') ?? '');
  const skewMs = date + 500 - (startedAt + Date.now()) / 2;
  if (Math.abs(skewMs) > MAX_SKEW_MS + (Date.now() - startedAt)) findings.push(skewed(name, skewMs));
  return findings;
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether what the gateway serves is what the subgraphs' SDL composes to. */
export function checkSupergraph(): Promise<Finding> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(REPOSITORY, 'scripts/compose.mjs'), '--check'], {
      stdio: 'ignore',
    });
    child.once('error', reject);
    child.once('close', (code) =>
      resolve(
        code === 0
          ? ok('supergraph', 'what the subgraphs compose to')
          : fault('supergraph', 'not what the subgraphs compose to', 'npx taskgraph schema compose'),
      ),
    );
  });
}
