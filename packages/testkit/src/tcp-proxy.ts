import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between a client and a server, to bring about what a network, or a server that hangs, does. */
export interface TcpProxy extends AsyncDisposable {
  /** The server's URL, by way of the proxy. */
  readonly url: string;
  /** From now on nothing gets through either way; connections are accepted, and hang. */
  freeze(): void;
  /**
   * Freezes when the client has sent something that matches; that still reaches the server, and its answer nobody. Resolves when
   * it has.
   */
  freezeAfter(pattern: RegExp): Promise<void>;
  /** Lets everything through again, what has waited too. */
  thaw(): void;
  /** From now on everything takes so much longer, each way; 0 for as long as before. */
  slow(delayMs: number): void;
  /** Breaks every connection. */
  cut(): void;
}

/** Starts a proxy before the server of a URL. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let frozen = false;
  let delayMs = 0;
  let trigger: { readonly pattern: RegExp; readonly resolve: () => void } | null = null;
  let waiting: Array<() => void> = [];

  /** Runs at once, or when it thaws; in order. */
  function pass(step: () => void): void {
    if (frozen) waiting.push(step);
    else step();
  }

  /** Runs steps of one direction in their order, each when the network has taken its time. */
  function createLine(): (step: () => void) => void {
    const underWay: Array<() => void> = [];
    return (step) => {
      if (delayMs === 0 && underWay.length === 0) return pass(step);
      underWay.push(step);
      // Timers may end in another order than they began, so each lets the first through.
      setTimeout(() => pass(underWay.shift() as () => void), delayMs);
    };
  }

  function join(from: Socket, to: Socket, onChunk?: (chunk: Buffer) => void): void {
    const line = createLine();
    from.on('data', (chunk: Buffer) => {
      line(() => to.write(chunk));
      onChunk?.(chunk);
    });
    from.on('end', () => line(() => to.end()));
    from.on('close', () => {
      sockets.delete(from);
      // A peer that is gone is not kept from the other by a network that hangs for ever: the test's end is near.
      pass(() => to.destroy());
    });
    from.on('error', () => undefined);
    sockets.add(from);
  }

  const server = createServer((client) => {
    const upstream = createConnection({ host: hostname, port: Number(port) });
    join(upstream, client);
    join(client, upstream, (chunk) => {
      if (!trigger?.pattern.test(chunk.toString('latin1'))) return;
      frozen = true;
      trigger.resolve();
      trigger = null;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);

  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    freeze() {
      frozen = true;
    },
    freezeAfter: (pattern) => new Promise((resolve) => (trigger = { pattern, resolve })),
    thaw() {
      frozen = false;
      for (const step of waiting.splice(0)) step();
      waiting = [];
    },
    slow(ms) {
      delayMs = ms;
    },
    cut,
    async [Symbol.asyncDispose]() {
      frozen = false;
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
