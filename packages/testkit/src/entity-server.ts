import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Representation {
  readonly __typename: string;
  readonly id: string;
}

export interface EntityRequest {
  readonly representations: readonly Representation[];
  readonly headers: IncomingHttpHeaders;
}

export interface EntityServer extends AsyncDisposable {
  readonly url: string;
  /** Every `_entities` query that came, in order. */
  readonly requests: EntityRequest[];
  /** From now on refuses connections, as a process that is gone. */
  stop(): Promise<void>;
}

/** Starts a subgraph that answers `_entities` and nothing else, over HTTP, in the place of a peer. */
export async function startEntityServer(
  resolve: (representation: Representation) => object | null,
): Promise<EntityServer> {
  const requests: EntityRequest[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { variables } = JSON.parse(text) as { variables: { representations: Representation[] } };
      requests.push({ representations: variables.representations, headers: request.headers });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ data: { _entities: variables.representations.map(resolve) } }));
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
