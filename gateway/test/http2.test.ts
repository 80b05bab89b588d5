import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { expectData, postGraphQL, selfSignedCertificate, uploadGraphQL } from '@taskgraph/testkit';
import { createGateway, readGatewayConfig } from '../src/gateway.js';
import { composeSdl } from './fake-subgraphs.js';

const TYPES = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar Upload type Query { number(of: Int!): Int } type Mutation { upload(file: Upload!): Int }`;
const AT_ONCE = 20;

interface TlsSubgraph extends AsyncDisposable {
  readonly url: string;
  /** Of each request. */
  readonly versions: string[];
  /** Connections that carried requests. */
  readonly connections: Set<unknown>;
  /** Answers nothing until so many requests are there at once. */
  holdFor(count: number): void;
}

/** A subgraph over TLS, with HTTP/2 on offer or without. */
async function startTlsSubgraph(
  kind: 'http2' | 'http1',
  certificate: { cert: string; key: string },
): Promise<TlsSubgraph> {
  const versions: string[] = [];
  const connections = new Set<unknown>();
  let wanted = 0;
  let held: Array<() => void> = [];
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const size = Buffer.concat(chunks).length;
      const text = Buffer.concat(chunks).toString('latin1');
      const data = text.includes('mutation') ? { upload: size } : { number: Number(/"of":(\d+)/.exec(text)?.[1] ?? 0) };
      const reply = () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ data }));
      };
      if (text.includes('{__typename}')) return reply();
      versions.push(request.httpVersion);
      const { stream } = request as unknown as { stream?: { session: unknown } };
      connections.add(stream?.session ?? request.socket);
      held.push(reply);
      if (held.length < wanted) return;
      for (const each of held) each();
      held = [];
    });
  };
  const server: Http2SecureServer | Server =
    kind === 'http2'
      ? createSecureServer({ ...certificate, allowHTTP1: true }, listener as never)
      : createServer(certificate, listener);
  const sockets = new Set<Socket>();
  server.on('secureConnection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    versions,
    connections,
    holdFor: (count) => (wanted = count),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

describe('subgraphs over TLS with a certificate of a private authority', () => {
  const certificate = selfSignedCertificate();
  let folder: string;
  let caFile: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-tls-'));
    caFile = path.join(folder, 'ca.pem');
    await writeFile(caFile, certificate.cert);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function startBefore({ url }: TlsSubgraph, settings: Record<string, string>) {
    const supergraphPath = path.join(folder, `${new URL(url).port}.graphql`);
    await writeFile(supergraphPath, composeSdl([{ name: 'numbers', url, typeDefs: TYPES }]));
    const service = await createGateway(
      readGatewayConfig({
        GATEWAY_PORT: '0',
        SUPERGRAPH_PATH: supergraphPath,
        SUBGRAPH_TIMEOUT_MS: '5000',
        ...settings,
      }),
      { log: createLog({ service: 'gateway', level: 'silent' }) },
    );
    const { url: origin } = await service.listen();
    return {
      origin,
      number: async (of: number) =>
        postGraphQL(origin, { query: 'query($of: Int!) { number(of: $of) }', variables: { of } }),
      [Symbol.asyncDispose]: () => service.close(),
    };
  }
  async function askManyAtOnce(gateway: Awaited<ReturnType<typeof startBefore>>, subgraph: TlsSubgraph): Promise<void> {
    expect(expectData(await gateway.number(1))).toEqual({ number: 1 });
    subgraph.holdFor(AT_ONCE);
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => gateway.number(100 + index)));
    subgraph.holdFor(0);
    expect(answers.map((answer) => expectData(answer).number as number)).toEqual(
      Array.from({ length: AT_ONCE }, (_, index) => 100 + index),
    );
    expect(subgraph.versions).toHaveLength(AT_ONCE + 1);
  }

  it('are asked over HTTP/2 where they offer it, all at once on one connection, uploads too', async () => {
    await using subgraph = await startTlsSubgraph('http2', certificate);
    await using gateway = await startBefore(subgraph, { SUBGRAPH_HTTP2: '1', SUBGRAPH_CA_FILE: caFile });
    await askManyAtOnce(gateway, subgraph);
    expect(new Set(subgraph.versions)).toEqual(new Set(['2.0']));
    expect(subgraph.connections.size).toBe(1);
    const content = Buffer.alloc(300_000, 'x');
    const { upload } = expectData(
      await uploadGraphQL(gateway.origin, {
        query: 'mutation($file: Upload!) { upload(file: $file) }',
        variables: { file: null },
        files: { 'variables.file': { filename: 'a.txt', content, contentType: 'text/plain' } },
      }),
    );
    expect(upload).toBeGreaterThan(content.length);
    expect(subgraph.versions.at(-1)).toBe('2.0');
  });

  it('are asked over HTTP/1.1 where the setting is off', async () => {
    await using subgraph = await startTlsSubgraph('http2', certificate);
    await using gateway = await startBefore(subgraph, { SUBGRAPH_CA_FILE: caFile });
    await askManyAtOnce(gateway, subgraph);
    expect(new Set(subgraph.versions)).toEqual(new Set(['1.1']));
    expect(subgraph.connections.size).toBe(AT_ONCE);
  });

  it('are asked over HTTP/1.1 where they offer nothing else', async () => {
    await using subgraph = await startTlsSubgraph('http1', certificate);
    await using gateway = await startBefore(subgraph, { SUBGRAPH_HTTP2: '1', SUBGRAPH_CA_FILE: caFile });
    await askManyAtOnce(gateway, subgraph);
    expect(new Set(subgraph.versions)).toEqual(new Set(['1.1']));
    expect(subgraph.connections.size).toBe(AT_ONCE);
  });

  it('are not trusted without the authority', async () => {
    await using subgraph = await startTlsSubgraph('http2', certificate);
    await using gateway = await startBefore(subgraph, { SUBGRAPH_HTTP2: '1' });
    const { body } = await gateway.number(1);
    expect(body.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'CONNECTION' } }]);
    expect(subgraph.versions).toEqual([]);
  });

  it('keep the gateway from starting when the file of the authority is none', async () => {
    await using subgraph = await startTlsSubgraph('http2', certificate);
    const missing = path.join(folder, 'missing.pem');
    await expect(startBefore(subgraph, { SUBGRAPH_CA_FILE: missing })).rejects.toThrow(/SUBGRAPH_CA_FILE: ENOENT/);
    const keyFile = path.join(folder, 'key.pem');
    await writeFile(keyFile, certificate.key);
    await expect(startBefore(subgraph, { SUBGRAPH_CA_FILE: keyFile })).rejects.toThrow(/holds no certificates/);
  });
});
