#!/usr/bin/env node
// Takes the README's picture, `npm run screenshot`: the demo query that `npm start` prints, as its page of traces shows it. It starts a system
// of its own with demo data, and needs Chromium.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { prepareOrExit, root } from './prepare.mjs';

const TARGET = path.join(root, 'docs/trace.png');
const MAX_BYTES = 150_000;
const SIZE = { width: 1200, height: 600 };
const ROUNDS = 20;
/** Colours of the page are few. */
const COLOURS = 64;
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

if (CHROMIUM === undefined) {
  process.stderr.write('Chromium is not installed.\n→ apt-get install chromium\n');
  process.exit(1);
}
await prepareOrExit();
const { chooseFreePorts } = await import('@taskgraph/testkit');
const { chromium } = await import('playwright-core');
const { default: sharp } = await import('sharp');

const dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-screenshot-'));
// PostgreSQL may run as another user.
await chmod(dataDir, 0o755);
const system = await startSystem();
try {
  const [traces] = /http:\S+(?=\s+each request as a waterfall)/.exec(system.output()) ?? [];
  const lines = /^ {2}TOKEN=.*\n {2}curl .*$/m.exec(system.output())?.[0];
  // The first time the gateway plans it, and what runs once runs slowly. A viewer who has logged in anew gets nothing from the cache.
  await promisify(execFile)('bash', ['-c', `for i in $(seq ${ROUNDS}); do\n${lines}\ndone`]);
  await takePicture(traces);
} finally {
  await system.stop();
  await rm(dataDir, { recursive: true, force: true });
}
const { size } = await stat(TARGET);
process.stdout.write(`${path.relative(root, TARGET)} has ${size} bytes.\n`);
if (size > MAX_BYTES) process.exitCode = 1;

async function startSystem() {
  const ports = await chooseFreePorts(4);
  const child = spawn(process.execPath, [path.join(root, 'scripts/start.mjs'), '--trace'], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ENV_FILE: '',
      TASKGRAPH_DATA_DIR: path.join(dataDir, 'data'),
      TRACE_PORT: '0',
      ...Object.fromEntries(
        ['GATEWAY', 'AUTH', 'TASK', 'MEDIA'].map((name, index) => [`${name}_PORT`, String(ports[index])]),
      ),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let output = '';
  await new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (output.includes('In a browser:')) resolve();
    });
    ended.then(() => reject(new Error(`it ended before it had demo data:\n${output}`)));
  });
  return {
    output: () => output,
    async stop() {
      child.kill('SIGINT');
      await ended;
    },
  };
}

async function takePicture(url) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: SIZE });
    await page.goto(url);
    await page.getByRole('link', { name: 'query TaskWithMedia' }).first().click();
    await page.getByRole('img', { name: 'waterfall' }).waitFor();
    await sharp(await page.screenshot())
      .png({ palette: true, colours: COLOURS })
      .toFile(TARGET);
  } finally {
    await browser.close();
  }
}
