import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createUploadSpool, readMultipart, type UnreadableMultipart } from '@taskgraph/service-kit';
import { buildSubgraphSchema } from '@apollo/subgraph';
import fc from 'fast-check';
import { graphql, parse } from 'graphql';
import { GraphQLUpload, type FileUpload } from 'graphql-upload-minimal';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

const KIB = 1024;
const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@shareable"])';

async function digest(file: Promise<FileUpload> | null | undefined): Promise<string | null> {
  if (!file) return null;
  const upload = await file;
  const hash = createHash('sha256');
  for await (const chunk of upload.createReadStream()) hash.update(chunk as Buffer);
  return `${upload.filename} ${hash.digest('hex').slice(0, 8)}`;
}

const told = (name: string, content: Buffer) =>
  `${name} ${createHash('sha256').update(content).digest('hex').slice(0, 8)}`;

/** A subgraph that reads its files, one after the other, as resolvers do. */
function reader(name: string, fields: string): FakeSubgraph {
  const typeDefs = `${LINK} scalar Upload input Attachment { file: Upload note: String } type Query { ${name}: Int }
    type Mutation { ${fields} }`;
  const field = (_: unknown, { file }: { file?: Promise<FileUpload> }) => digest(file);
  const Mutation = Object.fromEntries(
    [...fields.matchAll(/(\w+)\(file:/g)].map(([, each = '']) => [each, field] as [string, unknown]),
  );
  const resolvers = {
    Upload: GraphQLUpload,
    Mutation: {
      ...Mutation,
      ...(fields.includes('all(') && {
        all: async (_: unknown, { files }: { files: ReadonlyArray<{ file?: Promise<FileUpload> }> }) => {
          const digests: Array<string | null> = [];
          // From the last to the first.
          for (const { file } of [...files].reverse()) digests.unshift(await digest(file));
          return digests;
        },
      }),
    },
  };
  const schema = buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers: resolvers as never }]);
  const spool = createUploadSpool({ folder: tmpdir(), maxBytes: 100 * KIB * KIB });
  return {
    name,
    typeDefs,
    intercept(request, response) {
      if (!request.headers['content-type']?.startsWith('multipart/')) return false;
      const limits = { maxFiles: 10, maxFileBytes: Infinity, maxFieldBytes: KIB * KIB };
      const multipart = readMultipart(request, limits, spool);
      response.once('close', () => multipart.release());
      multipart.operations.then(
        async (body) => {
          const { query, variables } = body as { query: string; variables: Record<string, unknown> };
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify(await graphql({ schema, source: query, variableValues: variables })));
        },
        (error: UnreadableMultipart) => response.writeHead(error.status).end('{}'),
      );
      return true;
    },
  };
}

const STORE = 'store(file: Upload): String';
const fakes = () => [
  reader('files', `${STORE} keep(file: Upload): String all(files: [Attachment!]!): [String]`),
  reader('archive', 'archive(file: Upload): String'),
];

interface Part {
  readonly name: string;
  /** Absent for a field. */
  readonly filename?: string;
  readonly content: Buffer | string;
}

function encode(parts: readonly Part[]): Buffer {
  const pieces = parts.flatMap(({ name, filename, content }) => [
    Buffer.from(
      `--b\r\ncontent-disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n${filename === undefined ? '' : 'content-type: application/octet-stream\r\n'}\r\n`,
    ),
    Buffer.from(content as string),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from('--b--\r\n')]);
}

const HEADERS = { 'content-type': 'multipart/form-data; boundary=b', 'apollo-require-preflight': '1' };

async function send(gateway: Pick<GatewayUnderTest, 'url'>, parts: readonly Part[]) {
  const body = encode(parts);
  const response = await fetch(`${gateway.url}/graphql`, { method: 'POST', body, headers: HEADERS });
  return { status: response.status, body: (await response.json()) as { data?: unknown; errors?: unknown[] } };
}

const operations = (query: string, variables: object): Part => ({
  name: 'operations',
  content: JSON.stringify({ query, variables }),
});
const map = (places: Record<string, string[]>): Part => ({ name: 'map', content: JSON.stringify(places) });
const file = (name: string, bytes = 60 * KIB, filename = `${name}.bin`) => ({
  name,
  filename,
  content: Buffer.alloc(bytes, name),
});
const MISSING = { extensions: expect.objectContaining({ code: 'BAD_USER_INPUT', reason: 'FILE_MISSING' }) as unknown };

const TWO = 'mutation($a: Upload, $b: Upload) { a: store(file: $a) b: keep(file: $b) }';

describe('the parts of an upload', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(fakes());
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('come in another order than they are used', async () => {
    const [first, second] = [file('0'), file('1')];
    const fields = [operations(TWO, { a: null, b: null }), map({ '0': ['variables.a'], '1': ['variables.b'] })];
    for (const parts of [
      [...fields, first, second],
      [...fields, second, first],
      [...fields.toReversed(), second, first],
      [second, ...fields, first],
      [second, first, ...fields],
    ])
      expect(await send(gateway, parts)).toEqual({
        status: 200,
        body: { data: { a: told('0.bin', first.content), b: told('1.bin', second.content) } },
      });
  });

  it('stand at several places, also of several subgraphs', async () => {
    const only = file('0', 200 * KIB);
    const answer = told('0.bin', only.content);
    expect(
      await send(gateway, [operations(TWO, { a: null, b: null }), map({ '0': ['variables.a', 'variables.b'] }), only]),
    ).toEqual({ status: 200, body: { data: { a: answer, b: answer } } });
    expect(
      await send(gateway, [
        operations('mutation($a: Upload) { store(file: $a) archive(file: $a) keep(file: $a) }', { a: null }),
        map({ '0': ['variables.a'] }),
        only,
      ]),
    ).toEqual({ status: 200, body: { data: { store: answer, archive: answer, keep: answer } } });
  });

  it('stand in lists of input objects', async () => {
    const parts = [file('0'), file('1'), file('2', 3)];
    const answer = await send(gateway, [
      operations('mutation($f: [Attachment!]!) { all(files: $f) }', {
        f: [{ file: null, note: 'x' }, { file: null }, { note: 'none' }, { file: null }],
      }),
      map({ '2': ['variables.f.0.file'], '0': ['variables.f.1.file'], '1': ['variables.f.3.file'] }),
      ...parts,
    ]);
    const [zero, one, two] = parts.map(({ filename, content }) => told(filename, content));
    expect(answer.body).toEqual({ data: { all: [two, zero, null, one] } });
  });

  it('go only to the subgraph that has a use for them', async () => {
    await using gateway = await startGateway([
      ...fakes(),
      {
        name: 'plain',
        typeDefs: `${LINK} type Query { p: Int } type Mutation { note(text: String): String }`,
        resolvers: { Mutation: { note: (_: unknown, { text }: { text: string }) => text } },
      },
    ]);
    const answer = await send(gateway, [
      operations('mutation($a: Upload, $t: String) { note(text: $t) store(file: $a) again: note(text: $t) }', {
        a: null,
        t: 'hi',
      }),
      map({ '0': ['variables.a'] }),
      file('0', 3),
    ]);
    expect(answer.body).toEqual({ data: { note: 'hi', store: told('0.bin', file('0', 3).content), again: 'hi' } });
    expect(gateway.subgraphs['plain']?.requests[0]).toMatchObject({
      headers: { 'content-type': 'application/json' },
      variables: { t: 'hi' },
    });
    expect(gateway.subgraphs['plain']?.requests[0]?.variables).not.toHaveProperty('a');
  });

  it.each([['a/'], ['.'], ['/'], ['..'], ['a/b.png'], ['\\\\', '\\'], ['a\\b\\\\c', 'a\\b\\c'], ['x'.repeat(3_000)]])(
    'have a name of their own (%#)',
    async (filename, meant = filename) => {
      const part = file('0', 3, filename);
      const answer = await send(gateway, [operations(TWO, { a: null }), map({ '0': ['variables.a'] }), part]);
      expect(answer.body).toEqual({ data: { a: told(meant, part.content), b: null } });
    },
  );

  it('are as long as they may be, and not a byte longer', async () => {
    await using gateway = await startGateway(fakes(), { UPLOAD_MAX_BYTES: '1000' });
    const upload = (bytes: number, more: Part[] = []) =>
      send(gateway, [
        operations(TWO, { a: null, b: null }),
        map({ '0': ['variables.a'], ...(more.length > 0 && { '1': ['variables.b'] }) }),
        file('0', bytes),
        ...more,
      ]);
    expect((await upload(1_000)).body).toEqual({ data: { a: told('0.bin', file('0', 1_000).content), b: null } });
    expect((await upload(1_000, [file('1', 1_000)])).body.errors).toBeUndefined();
    const tooLarge = {
      extensions: expect.objectContaining({
        code: 'BAD_USER_INPUT',
        reason: 'UPLOAD_TOO_LARGE',
        maxBytes: 1_000,
      }) as unknown,
    };
    for (const answer of [
      await upload(1_001),
      await upload(1_001, [file('1', 3)]),
      await upload(3, [file('1', 1_001)]),
    ])
      expect(answer.body.errors).toEqual(expect.arrayContaining([expect.objectContaining(tooLarge)]));
  });

  it.each<[string, Part[]]>([
    ['is no file', [{ name: '0', content: 'x' }]],
    ['has no name of a file', [file('0', 3, '')]],
    ['has no name of a file, and content', [file('0', 60 * KIB, '')]],
    ['is absent', []],
    ['is absent, and others are there', [file('7'), file('8')]],
    ['is a field, and a file comes later', [{ name: '0', content: 'x' }, file('0')]],
  ])('are missing: one %s', async (_what, parts) => {
    const fields = [operations(TWO, { a: null, b: null }), map({ '0': ['variables.a'] })];
    // More often than it takes to open the circuit of a subgraph that fails.
    for (let turn = 0; turn < 8; turn += 1) {
      const answer = await send(gateway, turn % 2 === 0 ? [...fields, ...parts] : [...parts, ...fields]);
      expect(answer.body.errors).toEqual(expect.arrayContaining([expect.objectContaining(MISSING)]));
    }
    const good = await send(gateway, [...fields, file('0', 3)]);
    expect(good.body.errors).toBeUndefined();
  });

  it('are not waited for where nobody wants them', async () => {
    const unused = 'mutation($u: Upload, $a: Upload) { store(file: $a) }'.replace('$u: Upload, ', '');
    const good = file('1');
    const answer = await send(gateway, [
      operations(unused, { a: null, u: null }),
      map({ '0': ['variables.u'], '1': ['variables.a'] }),
      file('0', 300 * KIB),
      good,
    ]);
    expect(answer.body).toEqual({ data: { store: told('1.bin', good.content) } });
  });

  it.each<[string, Part[], string]>([
    ['no operations', [map({})], '"operations" is missing'],
    ['no map', [operations(TWO, {})], '"map" is missing'],
    ['nothing', [], 'is missing'],
    ['operations twice', [operations(TWO, {}), operations(TWO, {}), map({})], '"operations" is there twice'],
    ['operations that are no JSON', [{ name: 'operations', content: '{' }, map({})], '"operations" has to be JSON'],
    ['operations that are no object', [{ name: 'operations', content: '7' }, map({})], '"operations" has to be'],
    ['a map that is a list', [operations(TWO, {}), { name: 'map', content: '[]' }], '"map" has to be'],
    ['a map of no lists', [operations(TWO, {}), { name: 'map', content: '{"0":"variables.a"}' }], '"map" has to have'],
    ['a place that is taken', [operations(TWO, { a: 1 }), map({ '0': ['variables.a'] })], 'at which no file can be'],
    [
      'a place twice',
      [operations(TWO, { a: null }), map({ '0': ['variables.a'], '1': ['variables.a'] })],
      'no file can be',
    ],
    ['a place in nothing', [operations(TWO, { a: null }), map({ '0': ['variables.x.y'] })], 'no file can be'],
    ['an empty place', [operations(TWO, { a: null }), map({ '0': [''] })], 'no file can be'],
    ['a place in a prototype', [operations(TWO, {}), map({ '0': ['variables.__proto__.x'] })], 'no file can be'],
    ['a place in a constructor', [operations(TWO, {}), map({ '0': ['constructor.prototype.x'] })], 'no file can be'],
    [
      'deep operations',
      [{ name: 'operations', content: `{"query":"","variables":${'['.repeat(500)}${']'.repeat(500)}}` }, map({})],
      'nested deeper',
    ],
  ])('are refused with %s', async (_what, parts, message) => {
    const answer = await send(gateway, parts);
    expect(answer).toMatchObject({
      status: 400,
      body: {
        errors: [
          { message: expect.stringContaining(message), extensions: { code: 'BAD_REQUEST', reason: 'MULTIPART' } },
        ],
      },
    });
  });

  it('end with their client, who keeps no place', async () => {
    await using gateway = await startGateway(fakes(), {
      SUBGRAPH_MAX_CONNECTIONS: '2',
      SUBGRAPH_MAX_UPLOADS: '2',
      SUBGRAPH_MAX_WAITING: '1',
    });
    const body = encode([
      operations(TWO, { a: null, b: null }),
      map({ '0': ['variables.a'], '1': ['variables.b'] }),
      file('0'),
    ]);
    for (let turn = 0; turn < 8; turn += 1) {
      const request = httpRequest(`${gateway.url}/graphql`, { method: 'POST', headers: HEADERS });
      request.on('error', () => undefined);
      const gone = new Promise((resolve) => request.once('close', resolve));
      // The end of the body never comes.
      request.write(body.subarray(0, -8), () => request.destroy());
      await gone;
    }
    const good = [operations(TWO, { a: null, b: null }), map({ '0': ['variables.a'] }), file('0')];
    // It takes a moment until the gateway has heard of each that has left; who waits for nothing is let in then.
    const deadline = Date.now() + 20_000;
    while ((await send(gateway, good)).body.errors) expect(Date.now()).toBeLessThan(deadline);
  });

  it('may come slowly, and keep nothing else waiting', async () => {
    await using gateway = await startGateway(fakes(), {
      SUBGRAPH_MAX_CONNECTIONS: '2',
      SUBGRAPH_MAX_CONCURRENCY: '2',
      SUBGRAPH_MAX_UPLOADS: '3',
    });
    const body = encode([operations(TWO, { a: null }), map({ '0': ['variables.a'] }), file('0')]);
    const slow = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const request = httpRequest(`${gateway.url}/graphql`, { method: 'POST', headers: HEADERS });
        const answer = once(request, 'response') as Promise<[IncomingMessage]>;
        await new Promise((resolve) => request.write(body.subarray(0, -8), resolve));
        return { request, answer };
      }),
    );
    for (let turn = 0; turn < 5; turn += 1)
      expect((await gateway.run('mutation { store keep }')).body).toEqual({ data: { store: null, keep: null } });
    for (const { request, answer } of slow) {
      request.end(body.subarray(-8));
      const [response] = await answer;
      response.resume();
      expect(response.statusCode).toBe(200);
    }
  });

  it('are waited for as long as they move, and no longer', async () => {
    await using gateway = await startGateway(fakes(), { BODY_IDLE_TIMEOUT_MS: '1500', SUBGRAPH_MAX_UPLOADS: '1' });
    const fields = [operations(TWO, { a: null, b: null }), map({ '0': ['variables.a'], '1': ['variables.b'] })];
    for (const body of [
      encode([...fields, file('0'), file('1')]),
      encode([fields[0] as Part, map({ '0': ['variables.a'] }), file('0')]),
    ]) {
      const request = httpRequest(`${gateway.url}/graphql`, { method: 'POST', headers: HEADERS });
      request.on('error', () => undefined);
      request.write(body.subarray(0, -50));
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(408);
      response.resume();
      request.destroy();
    }
    expect((await send(gateway, [...fields, file('0'), file('1')])).body.errors).toBeUndefined();
  });

  it('arrive whole whatever their order, sizes and places', async () => {
    const places = ['variables.a', 'variables.b', 'variables.c', 'variables.f.0.file', 'variables.f.1.file'];
    const query = `mutation($a: Upload, $b: Upload, $c: Upload, $f: [Attachment!]!) {
      a: store(file: $a) b: keep(file: $b) c: archive(file: $c) a2: archive(file: $a) f: all(files: $f) }`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 5, maxLength: 5 }),
        fc.array(fc.constantFrom(0, 1, 40 * KIB, 200 * KIB), { minLength: 4, maxLength: 4 }),
        fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6, maxLength: 6 }),
        async (partOf, sizes, order) => {
          const files = sizes.map((bytes, index) => file(String(index), bytes));
          const byPart: Record<string, string[]> = {};
          places.forEach((place, index) => (byPart[String(partOf[index])] ??= []).push(place));
          const fields = [
            operations(query, { a: null, b: null, c: null, f: [{ file: null }, { file: null }] }),
            map(byPart),
          ];
          const parts = order.map((at) => [...fields, ...files][at] as Part);
          const [a, b, c, f0, f1] = partOf.map((part) =>
            told(`${part}.bin`, (files[part] as { content: Buffer }).content),
          );
          expect((await send(gateway, parts)).body).toEqual({ data: { a, b, c, a2: a, f: [f0, f1] } });
        },
      ),
      { numRuns: 60 },
    );
  });
});
