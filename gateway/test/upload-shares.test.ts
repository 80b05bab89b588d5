import { once } from 'node:events';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { signTestToken } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

/** A subgraph that answers an upload when all of it has come, and counts those that have begun. */
function shelf() {
  let begun = 0;
  const fake: FakeSubgraph = {
    name: 'shelf',
    typeDefs: 'scalar Upload type Query { shelf: Int } type Mutation { store(file: Upload): String }',
    intercept(request, response) {
      if (!request.headers['content-type']?.startsWith('multipart/')) return false;
      begun += 1;
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end('{"data":{"store":"whole"}}');
      });
      request.on('error', () => undefined);
      return true;
    },
  };
  return { fake, begun: () => begun };
}

const QUERY = JSON.stringify({ query: 'mutation($f: Upload) { store(file: $f) }', variables: { f: null } });
const BODY = [
  '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n' + QUERY,
  '--b\r\ncontent-disposition: form-data; name="map"\r\n\r\n{"0":["variables.f"]}',
  '--b\r\ncontent-disposition: form-data; name="0"; filename="a"\r\n\r\n' + 'x'.repeat(10_000),
  '--b--\r\n',
].join('\r\n');

/** Sends an upload but for its last bytes. */
function begin(gateway: GatewayUnderTest, token: string): { request: ClientRequest; end(): Promise<string> } {
  const request = httpRequest(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'multipart/form-data; boundary=b',
      'apollo-require-preflight': '1',
      authorization: `Bearer ${token}`,
    },
  });
  request.on('error', () => undefined);
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  answered.catch(() => undefined);
  request.write(BODY.slice(0, -20));
  return {
    request,
    async end() {
      request.end(BODY.slice(-20));
      const [response] = await answered;
      let text = '';
      for await (const chunk of response) text += String(chunk);
      return text;
    },
  };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('uploads of one user', () => {
  const LONG = { BODY_IDLE_TIMEOUT_MS: '600000', UPLOAD_TIMEOUT_MS: '600000', REQUEST_TIMEOUT_MS: '600000' };

  it('leave room for those of others, however slowly they come', async () => {
    const { fake, begun } = shelf();
    await using gateway = await startGateway([fake], {
      ...LONG,
      SUBGRAPH_MAX_UPLOADS: '4',
      SUBGRAPH_MAX_UPLOADS_PER_USER: '3',
    });
    const greedy = signTestToken();
    const slow = Array.from({ length: 12 }, () => begin(gateway, greedy));
    await until(() => begun() === 3);
    for (let turn = 0; turn < 3; turn += 1)
      expect(await begin(gateway, signTestToken()).end()).toBe('{"data":{"store":"whole"}}');
    // None of his has taken a place that was left, and each is served when one of his own is.
    expect(begun()).toBe(6);
    expect(await Promise.all(slow.map((upload) => upload.end()))).toEqual(slow.map(() => '{"data":{"store":"whole"}}'));
  });

  it('are given up when they come drop by drop, and their places with them', async () => {
    const { fake, begun } = shelf();
    await using gateway = await startGateway([fake], {
      ...LONG,
      BODY_IDLE_TIMEOUT_MS: '500',
      BODY_MIN_BYTES_PER_SECOND: '4000',
      SUBGRAPH_MAX_UPLOADS: '1',
    });
    const slow = begin(gateway, signTestToken());
    await until(() => begun() === 1);
    const drops = setInterval(() => slow.request.write('x'), 20);
    try {
      expect(await begin(gateway, signTestToken()).end()).toBe('{"data":{"store":"whole"}}');
    } finally {
      clearInterval(drops);
      slow.request.destroy();
    }
  });
});
