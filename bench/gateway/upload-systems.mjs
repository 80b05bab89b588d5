// The two forms in which the system runs, for what looks at the memory of uploads.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chooseFreePorts, spawnGraph, startTestDatabases } from '@taskgraph/testkit';
import { ALLOCATOR } from '../../scripts/allocator.mjs';
import { GATEWAY_FLAGS } from './rig.mjs';

const START = path.join(import.meta.dirname, '../../scripts/start.mjs');
/** All come from one address at once, and the answer to an upload is that of an item that is ready. */
const SETTINGS = {
  LOG_LEVEL: 'warn',
  RATE_LIMITS: '0',
  UPLOAD_TIMEOUT_MS: '600000',
  OPERATION_TIMEOUT_MS: '600000',
  REQUEST_TIMEOUT_MS: '660000',
  MEDIA_PROCESSING_WAIT_MS: '600000',
};

/** Each service a process of its own, with the flags and the environment of the images. */
export async function startProcesses() {
  const databases = await startTestDatabases();
  try {
    const graph = await spawnGraph({ settings: { ...SETTINGS, ...ALLOCATOR }, gatewayFlags: GATEWAY_FLAGS });
    const { gateway, media } = graph.pids;
    return {
      name: 'a process for each service, as in the images',
      url: graph.urls.gateway,
      pids: { gateway, media },
      decodersOf: media,
      async stop() {
        await graph.stop();
        await databases.stop();
      },
    };
  } catch (error) {
    await databases.stop();
    throw error;
  }
}

/** All services in one process, on the embedded PostgreSQL: `npm start`. */
export async function startOneProcess() {
  const parent = mkdtempSync(path.join(tmpdir(), 'taskgraph-bench-'));
  chmodSync(parent, 0o755);
  const [gateway, auth, task, media] = (await chooseFreePorts(4)).map(String);
  const ports = { GATEWAY_PORT: gateway, AUTH_PORT: auth, TASK_PORT: task, MEDIA_PORT: media };
  const env = { ...process.env, ...SETTINGS, ...ports, TASKGRAPH_DATA_DIR: path.join(parent, 'data'), ENV_FILE: '' };
  const child = spawn(process.execPath, [START, '--no-seed'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGINT');
    await ended;
    rmSync(parent, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${gateway}`;
  await Promise.race([said(child, `${url}/graphql`), ended]);
  if (child.exitCode !== null) throw new Error('npm start has ended');
  const [system] = childrenOf(child.pid);
  return {
    name: 'all services in one process: npm start',
    url,
    pids: { 'the system': system },
    decodersOf: system,
    stop,
  };
}

/** The ids of the processes that a process has started, of those that still run. */
export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function said(child, text) {
  let output = '';
  return new Promise((resolve) =>
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes(text)) resolve();
    }),
  );
}
