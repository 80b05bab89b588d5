import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { HttpInput, WebSocketInput } from './inputs.js';

/** How long is waited for the end of what may have none: a stream of events, a connection whose bytes are no request. */
const ENDLESS_MS = 150;
/** For an answer that has to come, on a machine with busy neighbours too. */
const ANSWER_MS = 240_000;

/** Sends the bytes of a request and returns what comes back, as far as it comes. @throws when a whole request has no answer */
export async function deliver(url: string, { bytes, isWhole }: HttpInput): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  let answer = '';
  const begun = new Promise<void>((resolve) => {
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
      resolve();
    });
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(bytes);
  // Whoever waits for the rest of a body that is not whole hears that there is none.
  if (!isWhole) socket.end();
  const late = new AbortController();
  const patience = (ms: number) => delay(ms, undefined, { signal: late.signal }).catch(() => undefined);
  if (isWhole) await Promise.race([begun, closed, patience(ANSWER_MS)]);
  const isStream = /content-type: (text\/event-stream|multipart\/mixed)/i.test(answer);
  await Promise.race([closed, patience(isWhole && !isStream ? ANSWER_MS : ENDLESS_MS)]);
  late.abort();
  socket.destroy();
  if (isWhole && !answer.startsWith('HTTP/1.1 '))
    throw new Error(`There was no answer, but ${JSON.stringify(answer)}.`);
  return answer;
}

/** Says what it has to on a WebSocket connection, and returns what comes back until the server has heard all, or closes. */
export async function converse(url: string, { frames }: WebSocketInput): Promise<string> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  socket.on('error', () => undefined);
  let answers = '';
  socket.on('message', (data: Buffer) => (answers += `${data.toString()}\n`));
  const closed = new Promise<'closed'>((resolve) =>
    socket.once('close', (code, reason) => {
      answers += `closed ${code} ${reason.toString()}`;
      resolve('closed');
    }),
  );
  if ((await Promise.race([closed, once(socket, 'open')])) === 'closed') return answers;
  let isRaw = false;
  for (const { kind, data } of frames) {
    if (socket.readyState !== WebSocket.OPEN) break;
    if (kind === 'text') socket.send(data, { binary: false });
    else if (kind === 'binary') socket.send(data);
    else if (kind === 'ping') socket.ping(data);
    else {
      isRaw = true;
      (socket as unknown as { readonly _socket: Duplex })._socket.write(data);
    }
  }
  const late = new AbortController();
  const patience = delay(isRaw ? ENDLESS_MS : ANSWER_MS, undefined, { signal: late.signal }).catch(() => undefined);
  const heard = new Promise<void>((resolve) =>
    socket.on('pong', (data) => (data.toString() === 'the last' ? resolve() : undefined)),
  );
  if (socket.readyState === WebSocket.OPEN) socket.ping('the last');
  await Promise.race([closed, heard, patience]);
  late.abort();
  socket.terminate();
  await closed;
  return answers;
}
