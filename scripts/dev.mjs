#!/usr/bin/env node
// Runs the whole system and restarts it when a source file changes: `npm run dev`. It takes the flags of npm start.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import path from 'node:path';
import './env-file.mjs';
import { prepareOrExit, root } from './prepare.mjs';
import { spawnSystem } from './system-process.mjs';
import { whenStarterIsGone } from './starter.mjs';

/** Editors and git write several files at a time. */
const SETTLE_MS = 150;
const WATCHED = ['packages', 'subgraphs', 'gateway', 'embedded', 'prisma'];
const IGNORED = /(^|\/)(node_modules|dist|generated|test|\.turbo)(\/|$)/;

const flags = process.argv.slice(2);
await prepareOrExit({ forTests: false });

let system = null;
let working = false;
let stopping = false;
let pending = new Set();
let timer;

const watchers = WATCHED.map((folder) =>
  watch(path.join(root, folder), { recursive: true }, (_event, file) => {
    if (file) changed(path.join(folder, file).split(path.sep).join('/'));
  }),
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(signal));
whenStarterIsGone(() => void stop('SIGTERM'));
start();

function changed(file) {
  if (stopping || IGNORED.test(file) || !/\.(ts|graphql|prisma|sql|yaml)$/.test(file) || file.endsWith('.test.ts'))
    return;
  // What is composed is written by this program, and the gateway reads it anew by itself.
  if (file === 'gateway/supergraph.graphql') return;
  pending.add(file);
  clearTimeout(timer);
  timer = setTimeout(() => void rebuild(), SETTLE_MS);
}

async function rebuild() {
  if (working || stopping || pending.size === 0) return;
  working = true;
  const files = [...pending];
  pending = new Set();
  console.log(
    `\n── changed: ${files.slice(0, 3).join(', ')}${files.length > 3 ? ` and ${files.length - 3} more` : ''}`,
  );
  const composes = files.some((file) => /\.(graphql|yaml)$/.test(file));
  const built =
    (!composes || (await runs('scripts/compose.mjs'))) &&
    (await runs(
      'node_modules/turbo/bin/turbo',
      'run',
      'build',
      '--filter=!@taskgraph/e2e',
      '--output-logs=errors-only',
    ));
  if (stopping) return;
  if (built) {
    await halt();
    // A reset is for the first start, not for each.
    if (!stopping) start(flags.filter((flag) => flag !== '--reset'));
  } else {
    console.log('── It does not build; what ran before goes on. Save again to try again.');
  }
  working = false;
  if (pending.size > 0) void rebuild();
}

function start(parameters = flags) {
  const started = spawnSystem(parameters);
  system = started;
  void started.ended.then((code) => {
    if (system !== started) return;
    system = null;
    if (!stopping) console.log(`── It ended with ${code}. Save a file to start it again; Ctrl-C ends this.`);
  });
}

async function halt() {
  const running = system;
  system = null;
  running?.kill('SIGTERM');
  await running?.ended;
}

async function stop(signal) {
  if (stopping) return void system?.kill(signal);
  stopping = true;
  for (const watcher of watchers) watcher.close();
  clearTimeout(timer);
  const running = system;
  running?.kill(signal);
  process.exit((await running?.ended) ?? 0);
}

/** Runs one of the project's programs; its output goes to the terminal. */
function runs(file, ...parameters) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(root, file), ...parameters], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        TURBO_TELEMETRY_DISABLED: '1',
        DO_NOT_TRACK: '1',
        TURBO_NO_UPDATE_NOTIFIER: '1',
      },
    });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}
