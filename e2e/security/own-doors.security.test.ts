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
    for (const first of [101, 1_000_000, 2_147_483_647])
      expectErrorCode(await postGraphQL(task, { query: `{ ${page(first)} }`, token }), 'BAD_USER_INPUT');
    const many = Array.from({ length: 101 }, (_, index) => `a${index}: ${page(100)}`).join(' ');
    expectErrorCode(await postGraphQL(task, { query: `{ ${many} }`, token }), 'OPERATION_REJECTED');
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
