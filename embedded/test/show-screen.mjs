// Shows what `npm start` does of a step, a warning in a log, and what runs where.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAppLog } from '../dist/app-log.js';
import { createProgress } from '../dist/progress.js';
import { runningScreen } from '../dist/screen.js';

const progress = createProgress({ output: process.stdout, quiet: false });
const { paint } = progress;
const logs = await mkdtemp(path.join(tmpdir(), 'taskgraph-logs-'));
// Times differ from run to run.
const say = (text) => progress.say(text.replace(/\d\d:\d\d:\d\d/, 'hh:mm:ss'));
await progress.step('a step', async () => undefined);
const log = await openAppLog({ logs }, { screenLevel: 'warn', fileLevel: 'info', show: say, paint });
log.of('gateway').warn('slow');
await log.close();
await rm(logs, { recursive: true });
const at = (port) => `http://127.0.0.1:${port}`;
progress.say(
  runningScreen({
    urls: { gateway: at(3000), auth: at(3001), task: at(3002), media: at(3003) },
    postgresPort: 5432,
    dataDir: '/data',
    tracesUrl: null,
    logFile: '/data/log',
    seconds: 1,
    demo: true,
    isOpen: false,
    paint,
  }),
);
