// A service for the test of runProcess: it has faults of its own on paths that nothing catches.
import { pbkdf2 } from 'node:crypto';
import { setImmediate } from 'node:timers';
import { createHealth, createHttpService, createLog, createMetrics, raw, runProcess } from '@taskgraph/service-kit';

const kinds = {
  exception: () => setImmediate(() => throwFault('an exception')),
  rejection: () => void Promise.reject(new Error('a rejection')),
  'no error': () => void Promise.reject('a text'),
  twice: () => {
    setImmediate(() => throwFault('the first'));
    setTimeout(() => throwFault('the second'), 10);
  },
  endless: () => setInterval(() => throwFault('again'), 1),
};

function throwFault(message) {
  throw new Error(message);
}

if (process.env.FAULT_AT_START) setImmediate(() => throwFault('at the start'));

await runProcess(async () => {
  if (process.env.HANGS_AT_START) {
    console.log('starting');
    await new Promise(() => setTimeout(() => {}, 60_000));
  }
  if (process.env.FAULT_AT_START) await new Promise(() => setTimeout(() => {}, 60_000));
  let finish;
  return createHttpService({
    name: 'faulty',
    config: { host: '127.0.0.1', port: Number(process.env.PORT), shutdownGraceMs: Number(process.env.GRACE_MS) },
    log: createLog({ service: 'faulty', level: 'info' }),
    metrics: createMetrics('faulty'),
    health: createHealth(),
    routes(app) {
      app.get(
        '/slow',
        raw((_request, response) => {
          response.write('begun ');
          finish = () => response.end('finished');
        }),
      );
      app.get(
        '/fault/:kind',
        raw((_request, response, { params: { kind } }) => {
          // The only thread that writes the log is busy for a while.
          if (process.env.BUSY) pbkdf2('x', 'y', 1_500_000, 64, 'sha512', () => {});
          response.on('finish', kinds[kind]);
          response.end();
        }),
      );
    },
    async onDrain() {
      if (process.env.HANGS) await new Promise(() => {});
      // What is under way ends when the drain has begun.
      finish?.();
    },
  });
});
