// Stands for the page: calls functions of the guide's samples as it is told on standard input, and tells on standard output what they
// answer, what they call back with, and which operations they send. A process of its own, because Apollo Client takes the test
// runner's globals for those of another platform. Argument: the folder of the samples.
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { WebSocket } from 'ws';

const [folder] = process.argv.slice(2);
const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const load = (file) => import(pathToFileURL(path.join(folder, file)).href);

// Browsers have one, and Node from 22.
globalThis.WebSocket ??= WebSocket;
// What a browser keeps between two visits.
const kept = new Map();
globalThis.localStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => kept.set(key, value),
  removeItem: (key) => kept.delete(key),
};
const ask = globalThis.fetch;
globalThis.fetch = (url, options) => {
  const text = typeof options?.body === 'string' ? options.body : (options?.body?.get?.('operations') ?? '{}');
  const { operationName: name = 'unnamed', variables } = JSON.parse(text);
  tell({ sent: { name, variables: JSON.stringify(variables) } });
  return ask(url, options);
};

/** What an argument stands for. */
function toArgument(value) {
  if (typeof value !== 'object' || value === null) return value;
  if ('callback' in value) {
    return (...args) => {
      tell({ callback: value.callback, value: args[0] });
      return value.answer;
    };
  }
  if ('file' in value) return new globalThis.File([Buffer.from(value.file, 'base64')], value.name);
  if (Array.isArray(value)) return value.map(toArgument);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toArgument(member)]));
}

/** Functions that samples have returned, to be called later: `stop`, `more`. */
let returned = {};
const own = {
  kept: (key) => kept.get(key) ?? null,
  keep: (key, value) => kept.set(key, value) && null,
  returned: (name) => returned[name](),
  many: async (count) => {
    const { apollo } = await load('client.js');
    const { MeDocument } = await load('node_modules/@taskgraph/client/dist/operations.js');
    const answers = Array.from({ length: count }, () =>
      apollo.query({ query: MeDocument, fetchPolicy: 'network-only', context: { queryDeduplication: false } }),
    );
    return (await Promise.all(answers)).map(({ data }) => data.me.displayName);
  },
};

async function call({ id, file, name, args }) {
  try {
    const called = file === 'host' ? own[name] : (await load(file.replace('.ts', '.js')))[name];
    const result = await called(...args.map(toArgument));
    if (typeof result === 'function') returned = { stop: result };
    else if (typeof result?.stop === 'function') returned = result;
    tell({ id, result: typeof result === 'function' ? null : (result ?? null) });
  } catch (error) {
    tell({ id, error: error.stack ?? String(error) });
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => void call(JSON.parse(line)))
  .once('close', async () => {
    const { close } = await load('client.js');
    await close();
  });
