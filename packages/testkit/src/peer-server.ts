import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Representation {
  readonly __typename: string;
  readonly id: string;
}

export interface PeerServer extends AsyncDisposable {
  readonly url: string;
  /** Headers of every query that came, in order. */
  readonly requests: Array<{ readonly headers: IncomingHttpHeaders }>;
  /** From now on refuses connections, as a process that is gone. */
  stop(): Promise<void>;
}

/** Starts a subgraph that answers `_entities` and nothing else, over HTTP, in the place of a peer. */
export function startEntityServer(resolve: (representation: Representation) => object | null): Promise<PeerServer> {
  return startPeerServer(({ representations }: { readonly representations: readonly Representation[] }) => ({
    _entities: representations.map(resolve),
  }));
}

/** Starts a subgraph that answers every query with what a function of its variables returns, over HTTP, in the place of a peer. */
export async function startPeerServer<Variables>(answer: (variables: Variables) => object): Promise<PeerServer> {
  const requests: PeerServer['requests'] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { variables } = JSON.parse(text) as { variables: Variables };
      requests.push({ headers: request.headers });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ data: answer(variables) }));
    });
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(0, '127.0.0.1', done);
  });
  const stop = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
