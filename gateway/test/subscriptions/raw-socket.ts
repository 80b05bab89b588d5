import { WebSocket, type ClientOptions } from 'ws';
import type { GatewayUnderTest } from '../fake-subgraphs.js';
import { webSocketUrl } from './newsroom.js';

export interface Message {
  readonly type: string;
  readonly id?: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads what it expects
  readonly payload?: any;
}

/** A WebSocket client that says what it likes. */
export interface RawSocket extends AsyncDisposable {
  readonly socket: WebSocket;
  send(message: unknown): void;
  /** The next message of the gateway. */
  next(): Promise<Message>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

export async function openSocket(
  gateway: Pick<GatewayUnderTest, 'url'>,
  {
    protocol = 'graphql-transport-ws',
    token,
    init = true,
    ...options
  }: { protocol?: string; token?: string; init?: boolean } & ClientOptions = {},
): Promise<RawSocket> {
  const socket = new WebSocket(webSocketUrl(gateway.url), protocol, options);
  const ready: Message[] = [];
  const waiting: Array<(message: Message) => void> = [];
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    const first = waiting.shift();
    if (first) first(message);
    else ready.push(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  const raw: RawSocket = {
    socket,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next() {
      const message = ready.shift();
      if (message) return Promise.resolve(message);
      return new Promise((resolve, reject) => {
        waiting.push(resolve);
        void closed.then(({ code, reason }) => reject(new Error(`closed with ${code} ${reason}`)));
      });
    },
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await closed;
    },
  };
  if (init) {
    raw.send({
      type: 'connection_init',
      ...(token !== undefined && { payload: { authorization: `Bearer ${token}` } }),
    });
    const { type } = await raw.next();
    if (type !== 'connection_ack') throw new Error(`the gateway answered ${type}`);
  }
  return raw;
}

/** A `subscribe` message. */
export function subscribe(id: string, query: string, extensions?: object) {
  return { type: 'subscribe', id, payload: { query, ...(extensions && { extensions }) } };
}
