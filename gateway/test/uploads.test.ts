import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, uploadGraphQL } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph } from './fake-subgraphs.js';

const MIB = 1024 * 1024;

type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

function files(intercept: Intercept): FakeSubgraph[] {
  return [
    {
      name: 'files',
      typeDefs: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9")
        scalar Upload
        input Attachment { file: Upload! note: String }
        type Query { size(file: Upload!): Int }
        type Mutation { store(file: Upload!): Int storeAll(files: [Attachment!]!): Int }`,
      intercept: (request, response) =>
        request.headers['content-type']?.startsWith('multipart/') ? intercept(request, response) : false,
    },
  ];
}

/** Reads the whole body and answers with its text or length. */
function collect(seen: { body?: Buffer; headers?: IncomingMessage['headers'] }): Intercept {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.body = Buffer.concat(chunks);
      seen.headers = request.headers;
      response.setHeader('content-type', 'application/json').end('{"data":{"store":1,"storeAll":2}}');
    });
    return true;
  };
}

const STORE = 'mutation($file: Upload!) { store(file: $file) }';

describe('an upload', () => {
  it('reaches its subgraph as a multipart request of its own', async () => {
    const seen: { body?: Buffer; headers?: IncomingMessage['headers'] } = {};
    await using gateway = await startGateway(files(collect(seen)));
    const content = Buffer.from('some "bytes"\r\n--boundary');
    expect(
      expectData(
        await uploadGraphQL(gateway.url, {
          query: STORE,
          files: { 'variables.file': { filename: 'a "b".txt', content, contentType: 'text/plain' } },
          headers: { 'x-request-id': 'upload-0001' },
        }),
      ),
    ).toEqual({ store: 1 });
    const text = seen.body?.toString() ?? '';
    expect(seen.headers).toMatchObject({ 'x-request-id': 'upload-0001', 'apollo-require-preflight': 'true' });
    expect(text).toContain('"variables":{"file":null}');
    expect(text).toContain('{"0":["variables.file"]}');
    expect(text).toContain('filename="a %22b%22.txt"\r\ncontent-type: text/plain');
    expect(text).toContain(content.toString());
  });

  it.each(['a%00b.png', 'a%01b.png', 'a%7fb.png', 'a%0d%0ax%3ay.png', '%e2%82%ac.png'])(
    'has no control character in the name that its subgraph is told: %s',
    async (encoded) => {
      const seen: { body?: Buffer } = {};
      await using gateway = await startGateway(files(collect(seen)));
      const operations = JSON.stringify({ query: STORE, variables: { file: null } });
      const part = (head: string, body: string) => `--b\r\ncontent-disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=b', 'apollo-require-preflight': '1' },
        body: `${part('name="operations"', operations)}${part('name="map"', '{"0":["variables.file"]}')}${part(`name="0"; filename*=UTF-8''${encoded}`, 'x')}--b--\r\n`,
      });
      expect(await response.json()).toEqual({ data: { store: 1 } });
      const [, name] = /filename="([^"]*)"\r\n/.exec(seen.body?.toString() ?? '') ?? [];
      expect(name?.toLowerCase()).toBe(encoded === '%e2%82%ac.png' ? '€.png' : encoded.replace(/%3a/, ':'));
    },
  );

  it('may have several files, in lists and inputs', async () => {
    const seen: { body?: Buffer } = {};
    await using gateway = await startGateway(files(collect(seen)));
    const file = (text: string) => ({ filename: `${text}.txt`, content: Buffer.from(text), contentType: 'text/plain' });
    const result = await uploadGraphQL(gateway.url, {
      query: 'mutation($files: [Attachment!]!) { storeAll(files: $files) }',
      variables: { files: [{ file: null, note: 'one' }, { file: null }] },
      files: { 'variables.files.0.file': file('first'), 'variables.files.1.file': file('second') },
    });
    expect(expectData(result)).toEqual({ storeAll: 2 });
    const text = seen.body?.toString() ?? '';
    expect(text).toContain('{"0":["variables.files.0.file"],"1":["variables.files.1.file"]}');
    expect(text.indexOf('first')).toBeLessThan(text.lastIndexOf('second'));
  });

  it('streams: the subgraph reads the beginning while the client still holds the end', async () => {
    let begun: (bytes: number) => void = () => undefined;
    const started = new Promise<number>((resolve) => (begun = resolve));
    let total = 0;
    await using gateway = await startGateway(
      files((request, response) => {
        request.on('data', (chunk: Buffer) => {
          total += chunk.length;
          if (total > MIB) begun(total);
        });
        request.on('end', () => response.end('{"data":{"store":1}}'));
        return true;
      }),
    );
    const boundary = 'b';
    const answer = new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        `${gateway.url}/graphql`,
        {
          method: 'POST',
          headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'apollo-require-preflight': '1' },
        },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        },
      );
      request.on('error', reject);
      request.write(
        `--${boundary}\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: STORE, variables: { file: null } })}\r\n`,
      );
      request.write(`--${boundary}\r\ncontent-disposition: form-data; name="map"\r\n\r\n{"0":["variables.file"]}\r\n`);
      request.write(`--${boundary}\r\ncontent-disposition: form-data; name="0"; filename="a.bin"\r\n\r\n`);
      request.write(Buffer.alloc(4 * MIB));
      void started.then(() => {
        request.write(Buffer.alloc(MIB));
        request.end(`\r\n--${boundary}--\r\n`);
      });
    });
    expect(await started).toBeGreaterThan(MIB);
    expect(JSON.parse(await answer)).toEqual({ data: { store: 1 } });
    expect(total).toBeGreaterThan(5 * MIB);
  });

  it('is answered with what the subgraph says before it has read all', async () => {
    await using gateway = await startGateway(
      files((request, response) => {
        request.once('data', () => {
          request.resume();
          response.end(
            '{"data":{"store":null},"errors":[{"message":"Too large.","path":["store"],"extensions":{"code":"BAD_USER_INPUT"}}]}',
          );
        });
        return true;
      }),
    );
    const result = await uploadGraphQL(gateway.url, {
      query: STORE,
      files: { 'variables.file': { filename: 'a', content: Buffer.alloc(20 * MIB), contentType: 'text/plain' } },
    });
    expect(expectErrorCode(result, 'BAD_USER_INPUT').message).toBe('Too large.');
    expect((await gateway.run('{ __typename }')).status).toBe(200);
  });

  it('is bounded in size and number', async () => {
    await using gateway = await startGateway(files(collect({})), {
      UPLOAD_MAX_BYTES: String(MIB),
      UPLOAD_MAX_FILES: '2',
    });
    const file = (bytes: number) => ({ filename: 'a', content: Buffer.alloc(bytes), contentType: 'text/plain' });
    const large = await uploadGraphQL(gateway.url, { query: STORE, files: { 'variables.file': file(3 * MIB) } });
    expect(expectErrorCode(large, 'BAD_USER_INPUT').extensions).toMatchObject({
      reason: 'UPLOAD_TOO_LARGE',
      maxBytes: MIB,
    });
    const many = await uploadGraphQL(gateway.url, {
      query: 'mutation($files: [Attachment!]!) { storeAll(files: $files) }',
      variables: { files: [{ file: null }, { file: null }, { file: null }] },
      files: {
        'variables.files.0.file': file(1),
        'variables.files.1.file': file(1),
        'variables.files.2.file': file(1),
      },
    });
    expect(many.status).toBe(413);
  });

  it('is for mutations, and not for foreign pages', async () => {
    await using gateway = await startGateway(files(collect({})));
    const upload = { filename: 'a', content: Buffer.from('x'), contentType: 'text/plain' };
    expectErrorCode(
      await uploadGraphQL(gateway.url, {
        query: 'query($file: Upload!) { size(file: $file) }',
        files: { 'variables.file': upload },
      }),
      'BAD_REQUEST',
    );
    const form = new FormData();
    form.set('operations', JSON.stringify({ query: STORE, variables: { file: null } }));
    form.set('map', '{"0":["variables.file"]}');
    form.set('0', new Blob(['x']), 'a.txt');
    expect((await fetch(`${gateway.url}/graphql`, { method: 'POST', body: form })).status).toBe(400);
  });

  it('ends at the subgraph when the client goes away', async () => {
    let cut: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (cut = resolve));
    let begun: () => void = () => undefined;
    const started = new Promise<void>((resolve) => (begun = resolve));
    await using gateway = await startGateway(
      files((request) => {
        request.on('data', () => begun());
        request.on('error', () => undefined);
        request.on('close', () => cut());
        return true;
      }),
    );
    const request = httpRequest(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b', 'apollo-require-preflight': '1' },
    });
    request.on('error', () => undefined);
    request.write(
      `--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: STORE, variables: { file: null } })}\r\n`,
    );
    request.write(
      '--b\r\ncontent-disposition: form-data; name="map"\r\n\r\n{"0":["variables.file"]}\r\n--b\r\ncontent-disposition: form-data; name="0"; filename="a"\r\n\r\n',
    );
    request.write(Buffer.alloc(MIB));
    await started;
    request.destroy();
    await ended;
  });
});
