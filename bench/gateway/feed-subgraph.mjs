// A subgraph with a subscription, and one with what its events lead to, in one process. The process that started it publishes:
// { publish: id } sends one event to every subscription. It answers with how many there are, which is all that {} asks.
import { createServer } from 'node:http';
import { graphql, parse, execute } from 'graphql';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { makeServer } from 'graphql-ws';
import { WebSocketServer } from 'ws';
import { FEED_SUBGRAPHS } from './feed-graph.mjs';

const keySet = process.env.BENCH_KEY_SET;
const schemas = new Map(
  FEED_SUBGRAPHS.map(({ name, typeDefs, resolvers }) => [
    `/${name}`,
    buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers }]),
  ]),
);
const sources = new Set();

async function* run(args) {
  const waiting = [];
  let wake = () => undefined;
  const source = (event) => {
    waiting.push(event);
    wake();
  };
  sources.add(source);
  try {
    for (;;) {
      const event = waiting.shift();
      if (event) yield { ...(await execute({ ...args, rootValue: event })), extensions: { eventId: event.posted.id } };
      else await new Promise((resolve) => (wake = resolve));
    }
  } finally {
    sources.delete(source);
  }
}

const protocol = makeServer({ schema: schemas.get('/feed'), subscribe: run });
const sockets = new WebSocketServer({ noServer: true });
const server = createServer((request, response) => {
  if (request.url === '/.well-known/jwks.json') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(keySet);
    return;
  }
  let text = '';
  request.on('data', (chunk) => (text += chunk));
  request.on('end', async () => {
    const { query, variables } = JSON.parse(text);
    const answer = await graphql({ schema: schemas.get(request.url), source: query, variableValues: variables });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
});
server.on('upgrade', (request, socket, head) =>
  sockets.handleUpgrade(request, socket, head, (client) => {
    const closed = protocol.opened(
      {
        protocol: client.protocol,
        send: (message) => new Promise((resolve) => client.send(message, resolve)),
        close: (code, reason) => client.close(code, reason),
        onMessage: (listener) => client.on('message', (data) => void listener(data.toString())),
      },
      {},
    );
    client.on('error', () => undefined);
    client.once('close', (code, reason) => void closed(code, String(reason)));
  }),
);
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send('ready'));
process.on('message', ({ publish, text }) => {
  if (publish === undefined) return process.send({ upstreams: sources.size });
  const event = { posted: { id: publish, text, author: { id: 'a' } } };
  for (const source of sources) source(event);
  return process.send({ upstreams: sources.size });
});
process.on('disconnect', () => process.exit(0));
