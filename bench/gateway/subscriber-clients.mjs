// Many WebSocket clients in one process. Each event that all of them have is told to the process that started it, with the time
// at which each had it.
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { POSTED } from './feed-graph.mjs';

const { URL: url, COUNT, SOURCE } = process.env;
// Too many for the environment of a process.
const tokens = await new Promise((resolve) => process.once('message', resolve));
const count = Number(COUNT);
const CONNECTING_AT_ONCE = 100;

let times = [];
const heard = () => {
  times.push(performance.timeOrigin + performance.now());
  if (times.length < count) return;
  process.send({ times });
  times = [];
};

function connect(index) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, 'graphql-transport-ws', { localAddress: SOURCE, perMessageDeflate: false });
    socket.on('error', reject);
    socket.on('close', (code, reason) => process.send({ closed: `${code} ${reason}` }));
    socket.on('open', () => {
      const authorization = `Bearer ${tokens[index % tokens.length]}`;
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
    });
    socket.on('message', (data) => {
      if (data.includes('"next"')) return heard();
      if (data.includes('connection_ack')) {
        const id = randomUUID();
        socket.send(JSON.stringify({ type: 'subscribe', id, payload: { query: POSTED } }));
        // The answer to a ping behind it shows that the subscription has been read.
        socket.send('{"type":"ping"}');
      } else if (data.includes('"pong"')) resolve();
      else reject(new Error(data.toString()));
    });
  });
}

let next = 0;
await Promise.all(
  Array.from({ length: CONNECTING_AT_ONCE }, async () => {
    while (next < count) await connect(next++);
  }),
);
process.send('ready');
process.on('disconnect', () => process.exit(0));
