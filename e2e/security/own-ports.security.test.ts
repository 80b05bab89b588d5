import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, postGraphQL } from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

/** A request of 64 MB, of which some 60 KB travel. */
const LARGE = Buffer.from(`{"query":"{ __typename }","extensions":{"x":"${'a'.repeat(64 * 2 ** 20)}"}}`);
const BOMBS: Readonly<Record<string, Buffer>> = {
  gzip: gzipSync(LARGE),
  deflate: deflateSync(LARGE),
  br: brotliCompressSync(LARGE, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
};
const TYPES = [
  'application/json',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
];

describe('at each port by itself', () => {
  let story: Story;
  let ada: Person;
  let urls: Readonly<Record<string, string>>;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
    urls = { gateway: story.gatewayUrl, ...story.graph?.urls };
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it.each(Object.keys(BOMBS))(
    'a request that is compressed with %s is not inflated beyond what a request may be',
    async (coding) => {
      for (const [name, url] of Object.entries(urls))
        for (const type of TYPES) {
          const answer = await fetch(new URL('/graphql', url), {
            method: 'POST',
            headers: { 'content-type': type, 'content-encoding': coding, 'apollo-require-preflight': 'true' },
            body: new Uint8Array(BOMBS[coding] as Buffer),
          });
          await answer.text();
          expect([name, type, [400, 413, 415]]).toEqual([name, type, expect.arrayContaining([answer.status])]);
          if (type === 'application/json')
            expect([name, answer.status]).toEqual([name, name === 'gateway' ? 415 : 413]);
          expectData(await postGraphQL(url, { query: '{ __typename }' }));
        }
    },
  );

  it('dear reads are refused: pages, aliases of lists, and keys that are no keys', async () => {
    const token = ada.accessToken;
    const { task } = urls;
    if (task === undefined) throw new Error('this story starts its own processes');
    const page = (first: number) =>
      `tasks(first: ${first}) { edges { node { media(first: ${first}) { totalCount } } } }`;
    expectData(await postGraphQL(task, { query: `{ ${page(100)} }`, token }));
    for (const first of [101, 1_000])
      expectErrorCode(await postGraphQL(task, { query: `{ ${page(first)} }`, token }), 'BAD_USER_INPUT');
    for (const first of [1_000_000, 2_147_483_647])
      expectErrorCode(await postGraphQL(task, { query: `{ ${page(first)} }`, token }), 'COST_ESTIMATED_TOO_EXPENSIVE');
    const many = Array.from({ length: 101 }, (_, index) => `a${index}: ${page(100)}`).join(' ');
    expectErrorCode(await postGraphQL(task, { query: `{ ${many} }`, token }), 'OPERATION_REJECTED');
    // Pages in pages: a hundred of them are two million items, within all that a document may be.
    const inner = (first: number) =>
      `tasks(first: 100) { edges { node { media(first: ${first}) { edges { node { id } } } } } }`;
    const nested = Array.from({ length: 100 }, (_, index) => `a${index}: ${inner(100)}`).join(' ');
    const dear = [
      { query: `{ ${nested} }` },
      { query: `{ ${inner(100)} }` },
      {
        query: `query($r: [_Any!]!) { _entities(representations: $r) { ... on User { ${page(100)} } } }`,
        variables: { r: Array.from({ length: 100 }, () => ({ __typename: 'User', id: ada.id })) },
      },
    ];
    for (const request of dear) {
      const refused = await postGraphQL(task, { ...request, token });
      const { extensions } = expectErrorCode(refused, 'COST_ESTIMATED_TOO_EXPENSIVE');
      expect([refused.status, extensions]).toEqual([
        400,
        { code: 'COST_ESTIMATED_TOO_EXPENSIVE', cost: { estimated: expect.any(Number), max: 20_000 } },
      ]);
    }
    // The dearest that a gateway takes is served by all that it asks.
    for (const url of [task, urls['gateway'] ?? '']) {
      const { tasks } = expectData(await postGraphQL(url, { query: `{ ${inner(48)} }`, token }));
      expect(tasks.edges).toEqual([]);
    }
    const variables = { r: Array.from({ length: 200_000 }, (_, index) => ({ __typename: 'Task', id: String(index) })) };
    const query = 'query($r: [_Any!]!) { _entities(representations: $r) { ... on Task { title } } }';
    // Who is answered while still sending sees the answer, or that nobody listens any more.
    const refused = await postGraphQL(task, { query, variables, token }).then(
      ({ status }) => status,
      ({ cause }: { cause?: { code?: string } }) => cause?.code,
    );
    expect([413, 'EPIPE', 'ECONNRESET', 'UND_ERR_SOCKET']).toContain(refused);
    expectData(await postGraphQL(task, { query: `{ ${page(1)} }`, token }));
  });
});
