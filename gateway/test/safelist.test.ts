import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { readGatewayConfig } from '../src/config.js';
import { readManifest } from '../src/admission/document-manifest.js';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { openSocket } from './subscriptions/raw-socket.js';

const BOOKS = 'query Books { books { title } }';
const BOOK = 'query Book($id: ID!) { book(id: $id) { title } }';
const OTHER = '{ books { id } }';
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

function manifestOf(...bodies: string[]): string {
  const operations = bodies.map((body) => ({ id: hashOf(body), name: 'Name', type: 'query', body }));
  return JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations });
}

interface Safelisted extends AsyncDisposable {
  readonly gateway: GatewayUnderTest;
  readonly file: string;
  readonly lines: Array<Record<string, unknown>>;
  readonly post: (body: object) => Promise<Record<string, unknown>>;
}

async function startSafelisted(settings: Record<string, string> = {}): Promise<Safelisted> {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-safelist-'));
  const file = path.join(folder, 'manifest.json');
  await writeFile(file, manifestOf(BOOKS, BOOK));
  const lines: Array<Record<string, unknown>> = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n').filter(Boolean))
        lines.push(JSON.parse(line) as Record<string, unknown>);
      done();
    },
  });
  const log = createLog({ service: 'gateway', level: 'warn', destination: sink });
  const gateway = await startGateway(library(), { SAFELIST_FILE: file, SAFELIST_POLL_MS: '20', ...settings }, { log });
  return {
    gateway,
    file,
    lines,
    post: async (body) => {
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return (await response.json()) as Record<string, unknown>;
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const persisted = (text: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } });
const refusedWith = (reason: string) => ({ errors: [{ extensions: { code: 'OPERATION_REJECTED', reason } }] });
const TITLES = { data: { books: [{ title: 'Emma' }, { title: 'Persuasion' }, { title: 'Middlemarch' }] } };

describe('a gateway with registered documents', () => {
  it('serves them by id and by text, however that is spaced, and nothing else', async () => {
    await using safelisted = await startSafelisted();
    const { post, gateway } = safelisted;
    expect(await post(persisted(BOOKS))).toEqual(TITLES);
    expect(await post({ documentId: `sha256:${hashOf(BOOKS)}` })).toEqual(TITLES);
    expect(await post({ documentId: hashOf(BOOK), variables: { id: '1' } })).toEqual({
      data: { book: { title: 'Emma' } },
    });
    expect(await post({ query: BOOKS })).toEqual(TITLES);
    expect(await post({ query: BOOKS, ...persisted(BOOKS) })).toEqual(TITLES);
    expect(await post({ query: '# comment\nquery Books {\n  books, { title }\n}' })).toEqual(TITLES);
    for (const body of [
      { query: OTHER },
      { query: OTHER, ...persisted(OTHER) },
      { query: OTHER, ...persisted(BOOKS) },
      { query: OTHER, documentId: hashOf(BOOKS) },
      { query: BOOKS.replace('title', 'title id') },
      { query: 'no document {' },
      { query: '{ __schema { queryType { name } } }' },
      { documentId: 'unknown' },
      persisted(OTHER),
    ])
      expect(await post(body)).toMatchObject(refusedWith('DOCUMENT_NOT_REGISTERED'));
    const url = `${gateway.url}/graphql?documentId=${hashOf(BOOKS)}`;
    expect(await (await fetch(url, { headers: { 'apollo-require-preflight': '1' } })).json()).toEqual(TITLES);
    await using socket = await openSocket(gateway);
    socket.send({ type: 'subscribe', id: '1', payload: { query: OTHER } });
    expect(await socket.next()).toMatchObject({
      type: 'error',
      payload: refusedWith('DOCUMENT_NOT_REGISTERED').errors,
    });
  });

  it('takes ids only where they are required', async () => {
    await using safelisted = await startSafelisted({ SAFELIST_REQUIRE_ID: '1' });
    const { post } = safelisted;
    expect(await post(persisted(BOOKS))).toEqual(TITLES);
    expect(await post({ query: BOOKS })).toMatchObject(refusedWith('DOCUMENT_ID_REQUIRED'));
    expect(await post({ query: OTHER })).toMatchObject(refusedWith('DOCUMENT_NOT_REGISTERED'));
  });

  it('only tells of others, once each, where it audits', async () => {
    await using safelisted = await startSafelisted({ SAFELIST_MODE: 'audit' });
    const { post, lines, gateway } = safelisted;
    for (let round = 0; round < 3; round += 1) {
      expect(await post({ query: OTHER })).toMatchObject({ data: { books: [{ id: '1' }, {}, {}] } });
      expect(await post(persisted(OTHER))).toMatchObject(
        round === 0 ? { errors: [{ message: 'PersistedQueryNotFound' }] } : { data: {} },
      );
      expect(await post({ query: OTHER, ...persisted(OTHER) })).toMatchObject({ data: {} });
      expect(await post({ query: BOOKS })).toEqual(TITLES);
    }
    const told = lines.filter(({ msg }) => String(msg).includes('not registered'));
    expect(told).toMatchObject([{ reason: 'DOCUMENT_NOT_REGISTERED', sha256: hashOf(OTHER), text: OTHER }]);
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/unregistered_documents_total\{[^}]*mode="audit"[^}]*\} 9/);
  });

  it('takes a new manifest without a restart, and keeps the one before where it cannot be used', async () => {
    await using safelisted = await startSafelisted();
    const { post, file, lines } = safelisted;
    await writeFile(file, '{ "format": "something else" }');
    while (!lines.some(({ msg }) => String(msg).includes('stay in force')))
      await new Promise((next) => setImmediate(next));
    expect(await post({ query: BOOKS })).toEqual(TITLES);
    await writeFile(file, manifestOf(OTHER));
    while ((await post({ query: OTHER }))['errors']) await new Promise((next) => setImmediate(next));
    expect(await post({ query: BOOKS })).toMatchObject(refusedWith('DOCUMENT_NOT_REGISTERED'));
  });

  it('does not start without them', async () => {
    await expect(startGateway(library(), { SAFELIST_FILE: '/nowhere/manifest.json' })).rejects.toThrow('ENOENT');
  });
});

describe('a manifest', () => {
  const limits = readGatewayConfig({}).documentLimits;

  it.each([
    ['no JSON', 'x'],
    ['another format', '{"format":"relay","version":1,"operations":[]}'],
    ['another version', '{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}'],
    ['what is no document', manifestOf('{')],
    [
      'one id for two documents',
      manifestOf(BOOKS).replace(']', `,{"id":"${hashOf(BOOKS)}","name":"x","type":"query","body":"{ a }"}]`),
    ],
  ])('with %s is refused', (_name, text) => {
    expect(() => readManifest(text, limits)).toThrow();
  });
});

describe('automatic persisted queries', () => {
  it('remember no document that does not parse or fit the schema', async () => {
    await using gateway = await startGateway(library());
    for (const [query, remembered] of [
      ['{ nothing }', false],
      ['{ books {', false],
      [BOOKS, true],
    ] as const) {
      const { extensions } = persisted(query);
      const post = (body: object) =>
        fetch(`${gateway.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }).then((response) => response.json());
      await post({ query, extensions });
      const again = await post({ extensions });
      if (remembered) expect(again).toEqual(TITLES);
      else expect(again).toMatchObject({ errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] });
    }
  });

  it('are not served where they are switched off', async () => {
    await using gateway = await startGateway(library(), { APQ: '0' });
    const post = (body: object) =>
      fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then((response) => response.json());
    const { extensions } = persisted(BOOKS);
    expect(await post({ query: BOOKS, extensions })).toEqual(TITLES);
    expect(await post({ extensions })).toMatchObject({ errors: [{ message: 'PersistedQueryNotFound' }] });
  });
});
