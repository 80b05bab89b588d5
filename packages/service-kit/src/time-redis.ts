import type { Redis } from 'ioredis';
import type { Metrics } from './metrics.js';

/** Times every command of a connection to Redis; what it is for becomes a label. Returns the connection. */
export function timeRedis(client: Redis, metrics: Metrics, use: string): Redis {
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, stream) => {
    const startedAt = performance.now();
    const observe = (outcome: 'ok' | 'error') =>
      metrics.redisDuration.observe((performance.now() - startedAt) / 1000, use, outcome);
    (command.promise as Promise<unknown>).then(
      () => observe('ok'),
      () => observe('error'),
    );
    return send(command, stream);
  };
  return client;
}
