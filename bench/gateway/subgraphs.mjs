// All four subgraphs in one process, cheap on purpose: every distinct request is answered once by graphql-js and from
// memory after that, so that the machine's time goes to the gateways. Also serves the keys of the benchmark's token.
import { createServer } from 'node:http';
import { graphql } from 'graphql';
import { SUBGRAPHS, schemaOf } from './graph.mjs';

const schemas = new Map(SUBGRAPHS.map((subgraph) => [`/${subgraph.name}`, schemaOf(subgraph)]));
const keySet = process.env.BENCH_KEY_SET ?? '{"keys":[]}';
const answers = new Map();

const server = createServer((request, response) => {
  if (request.url === '/.well-known/jwks.json') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(keySet);
    return;
  }
  const schema = schemas.get(request.url);
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => void answer(schema, request.url, Buffer.concat(chunks), response));
});

async function answer(schema, path, body, response) {
  const key = `${path}\n${body}`;
  let text = answers.get(key);
  if (text === undefined) {
    const one = async ({ query, variables, operationName }) =>
      graphql({ schema, source: query, variableValues: variables, operationName });
    const request = JSON.parse(body);
    text = Buffer.from(
      JSON.stringify(Array.isArray(request) ? await Promise.all(request.map(one)) : await one(request)),
    );
    answers.set(key, text);
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text);
}

server.keepAliveTimeout = 60_000;
server.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit(0));
