// Starts a cluster, tells its server's pid and waits to be killed: run by cluster.test.ts as a process of its own.
import { silentLog, startCluster } from '../dist/index.js';

const cluster = await startCluster({
  dataDir: process.argv[2],
  persistent: process.argv[3] === 'persistent',
  log: silentLog,
});
process.stdout.write(`${JSON.stringify({ serverPid: cluster.pid })}\n`);
process.stdin.resume();
