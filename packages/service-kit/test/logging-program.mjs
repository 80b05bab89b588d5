// Writes lines as its argument says; `held-lines.test.ts` reads them. What it has written by then is told on standard error.
import fs from 'node:fs';
import { createLog, flushLog } from '@taskgraph/service-kit';

const [, , what, worker] = process.argv;
const writes = [];
const { write } = fs;
fs.write = (fd, data, ...rest) => {
  if (fd === 1 && data.length > 0) writes.push(Buffer.byteLength(data));
  return write(fd, data, ...rest);
};
const tell = () => fs.writeSync(2, JSON.stringify(writes));

const log = createLog({ service: 'test', level: 'info', ...(worker !== undefined && { worker: Number(worker) }) });
const many = (count = 200) => {
  for (let index = 0; index < count; index += 1) log.info({ index }, 'ä line');
};

if (what === 'flush') {
  many();
  await flushLog(log);
  tell();
  process.kill(process.pid, 'SIGKILL');
} else if (what === 'leave') {
  many();
} else if (what === 'exit') {
  many();
  process.exit(0);
} else if (what === 'late') {
  process.on('exit', () => log.info({ index: 200 }, 'the end'));
  many();
  process.exit(0);
} else if (what === 'warn') {
  log.info({ index: 0 }, 'one');
  tell();
  log.warn({ index: 1 }, 'two');
  tell();
} else if (what === 'fatal') {
  // Fewer than are held: of a write that a thread has begun, nobody can tell when it ends, and SIGKILL does not wait for it.
  many(50);
  log.fatal({ index: 50 }, 'the end');
  process.kill(process.pid, 'SIGKILL');
}
