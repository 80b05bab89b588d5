import { createServer, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Stands before an emulator of Cloud Storage, to bring about what it does not do by itself: refuse with 503, take its time, or never
 * answer.
 */
export async function startStorageGate(target) {
  let mode = 'open';
  let slowMs = 0;
  const held = new Set();
  const server = createServer(async (incoming, outgoing) => {
    if (mode === 'refusing') {
      incoming.resume();
      return outgoing
        .writeHead(503, { 'content-type': 'application/json' })
        .end('{"error":{"code":503,"message":"chaos"}}');
    }
    if (mode === 'hanging') return void held.add(outgoing);
    if (slowMs > 0) await delay(slowMs);
    const { method, url, headers } = incoming;
    const asked = request(new URL(url, target), { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    asked.on('error', () => outgoing.destroy());
    incoming.on('error', () => asked.destroy());
    outgoing.on('close', () => asked.destroy());
    incoming.pipe(asked);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    refuse: () => (mode = 'refusing'),
    hang: () => (mode = 'hanging'),
    slow: (ms) => (slowMs = ms),
    open() {
      mode = 'open';
      slowMs = 0;
      // Whoever has waited is told nothing any more.
      for (const outgoing of held) outgoing.destroy();
      held.clear();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
