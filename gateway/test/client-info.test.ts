import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createClientInfoVerifier } from '@taskgraph/service-kit';
import { signTestToken, TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import { createGateway, readGatewayConfig } from '../src/gateway.js';
import { library, startGateway } from './fake-subgraphs.js';
import { connectClient } from './subscriptions/newsroom.js';

const ADD = 'mutation { addBook(title: "Persuasion") { title author { name } } }';
const CLIENT = {
  'user-agent': 'Firefox/128.0',
  'apollographql-client-name': 'bookshop',
  'x-forwarded-for': '198.51.100.9, 192.0.2.7',
};

/** A library whose services keep the headers of what they are asked. */
function listening() {
  const heard = new Map<string, IncomingHttpHeaders[]>([
    ['books', []],
    ['authors', []],
  ]);
  const fakes = library().map((fake) => ({
    ...fake,
    intercept: (request: { headers: IncomingHttpHeaders }) => {
      heard.get(fake.name)?.push(request.headers);
      return false;
    },
  }));
  const said = (name: string) => heard.get(name)?.flatMap((headers) => headers['x-taskgraph-client'] ?? []) ?? [];
  return { fakes, heard, said };
}

const verify = createClientInfoVerifier([TEST_CLIENT_INFO_SECRET]);

describe('who asks', () => {
  it('is told with a mutation, signed for this request, and not with what is read after it', async () => {
    const { fakes, heard, said } = listening();
    await using gateway = await startGateway(fakes, {
      CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET,
      TRUST_PROXY: 'loopback',
    });
    await gateway.run(ADD, { headers: { ...CLIENT, 'x-taskgraph-client': 'what a client has made up' } });
    expect(said('authors')).toEqual([]);
    const [header] = said('books');
    const id = heard.get('books')?.find((headers) => headers['x-taskgraph-client'])?.['x-request-id'];
    expect(verify(String(header), String(id))).toEqual({
      kind: 'accepted',
      info: { ipAddress: '192.0.2.7', userAgent: 'Firefox/128.0', clientName: 'bookshop' },
    });
  });

  it('is the connection where no proxy is trusted, whatever the client says of itself', async () => {
    const { fakes, heard, said } = listening();
    await using gateway = await startGateway(fakes, { CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET });
    await gateway.run(ADD, { headers: CLIENT });
    const id = heard.get('books')?.find((headers) => headers['x-taskgraph-client'])?.['x-request-id'];
    expect(verify(String(said('books')[0]), String(id))).toMatchObject({ info: { ipAddress: '127.0.0.1' } });
  });

  it('is not told with what is read, but for administrators, whose reads are kept on record', async () => {
    const { fakes, said } = listening();
    await using gateway = await startGateway(fakes, { CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET });
    await gateway.run('{ books { title } }', { headers: CLIENT, token: signTestToken() });
    expect(said('books')).toEqual([]);
    await gateway.run('{ books { title } }', { headers: CLIENT, token: signTestToken({ role: 'ADMIN' }) });
    expect(said('books')).toHaveLength(1);
  });

  it('is told over WebSocket as the handshake says it', async () => {
    const { fakes, heard, said } = listening();
    await using gateway = await startGateway(fakes, { CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET });
    await using client = connectClient(gateway);
    await client.subscribe(ADD).next();
    const id = heard.get('books')?.find((headers) => headers['x-taskgraph-client'])?.['x-request-id'];
    expect(verify(String(said('books')[0]), String(id))).toMatchObject({ info: { ipAddress: '127.0.0.1' } });
  });

  it.each([
    ['a\u0000b', 'ab'],
    ['\ud800\u202eline\nbreak', 'linebreak'],
    [`${'x'.repeat(99)}😀😀`, `${'x'.repeat(99)}😀`],
    ['\u0000', null],
  ])('is told over WebSocket of %j, which no header could hold, as %j', async (name, clientName) => {
    const { fakes, heard, said } = listening();
    await using gateway = await startGateway(fakes, { CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET });
    const connectionParams = { 'apollographql-client-name': name };
    await using client = connectClient(gateway, { connectionParams });
    await client.subscribe(ADD).next();
    const id = heard.get('books')?.find((headers) => headers['x-taskgraph-client'])?.['x-request-id'];
    expect(verify(String(said('books')[0]), String(id))).toMatchObject({ info: { clientName } });
  });

  it('is told to nobody without a secret, which the graph of this project cannot be served without', async () => {
    const { fakes, said } = listening();
    await using gateway = await startGateway(fakes);
    await gateway.run(ADD, { headers: CLIENT });
    expect(said('books')).toEqual([]);
    await expect(createGateway(readGatewayConfig({ LOG_LEVEL: 'silent' }))).rejects.toThrow('CLIENT_INFO_SECRET');
    expect(() => readGatewayConfig({ CLIENT_ADDRESS_HEADER: 'x-real-ip' })).toThrow('needs TRUST_PROXY');
    expect(() => readGatewayConfig({ TRUST_PROXY: '10.0.0.0/8, everybody' })).toThrow('"everybody" is not an address');
  });
});
