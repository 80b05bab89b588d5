import { buildSubgraphSchema } from '@apollo/subgraph';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildViewer,
  expectData,
  HOSTILE_TEXTS,
  hostilePlaces,
  openRowCounter,
  probeHostilePlace,
  smallPng,
  type HostileTarget,
  type RowCounter,
} from '@taskgraph/testkit';
import { typeDefs } from '../src/schema.js';
import { startMediaGraph, type MediaGraph } from './media-graph.js';

const CURSOR = '{ myMedia(first: 1) { edges { cursor } } }';

describe('whatever comes in', () => {
  let graph: MediaGraph;
  let rows: RowCounter;
  let id: string;
  let cursor: string;
  const ada = buildViewer();
  beforeAll(async () => {
    graph = await startMediaGraph();
    rows = await openRowCounter(graph.database.url);
    id = await graph.addMedia(ada, await smallPng());
    ({ cursor } = expectData(await graph.run(ada, CURSOR)).myMedia.edges[0]);
  });
  afterAll(async () => {
    await rows[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
  });

  const target: HostileTarget = {
    async samples() {
      const samples: Record<string, unknown> = {
        'Query.media(id)': id,
        'Mutation.restoreMedia(id)': id,
        'UpdateMediaInput.id': id,
        'Query.myMedia(after)': cursor,
        'User.uploads(after)': cursor,
        'User.id': ada.userId,
        'Media.id': id,
        'Subscription.mediaProcessed(mediaId)': id,
        // No file comes with these requests.
        'Mutation.uploadMedia(file)': null,
      };
      return (coordinate) => samples[coordinate];
    },
    async send({ query, variables }, operation) {
      if (operation !== 'subscription') return graph.run(ada, query, { ...variables });
      await using subscription = graph.subscribe(ada, query, { ...variables });
      const heard = await subscription.next();
      return { status: 200, body: heard.kind === 'failed' ? { errors: heard.errors } : { data: heard } };
    },
    countRows: async () => [await rows.count(), (await graph.files()).length],
  };

  it.each(hostilePlaces(buildSubgraphSchema({ typeDefs })))(
    'at $coordinate, gets a right answer or an error with a code, and leaves nothing half',
    async (place) => {
      expect(await probeHostilePlace(place, target)).toEqual([]);
    },
  );

  it('as the name or the description of a file, is stored as it can be, or refused with a code', async () => {
    const picture = await smallPng();
    for (const text of HOSTILE_TEXTS) {
      const before = JSON.stringify(await target.countRows());
      const { status, body } = await graph.upload(ada, picture, text === '' ? 'x' : text, { altText: text });
      expect([text, status < 500]).toEqual([text, true]);
      const codes = body.errors?.map(({ extensions }) => extensions?.code) ?? [];
      expect([text, codes.includes('INTERNAL_SERVER_ERROR')]).toEqual([text, false]);
      if (codes.length > 0) expect([text, JSON.stringify(await target.countRows())]).toEqual([text, before]);
      else expect(body.data.uploadMedia.media.filename.length).toBeGreaterThan(0);
    }
  });

  it('in the URL of a file, gets an answer that HTTP has for it', async () => {
    const { media } = expectData(await graph.run(ada, 'query($id: ID!) { media(id: $id) { url } }', { id }));
    const good = new URL(media.url as string);
    const fetched = async (change: (url: URL) => void) => {
      const url = new URL(good);
      change(url);
      return (await fetch(url)).status;
    };
    expect(await fetched(() => undefined)).toBe(200);
    expect(await fetched((url) => (url.pathname = url.pathname.replace(id, id.toUpperCase())))).toBe(200);
    for (const text of HOSTILE_TEXTS.map((hostile) =>
      encodeURIComponent(hostile.replace(/\p{Surrogate}/gu, '\ufffd')),
    ).filter((text) => text.length < 5_000)) {
      for (const change of [
        (url: URL) => (url.pathname = `/files/${text}/original`),
        (url: URL) => (url.pathname = `/files/${id}/${text}`),
        (url: URL) => (url.search = `?expires=${text}&signature=${text}`),
        (url: URL) => (url.search = `${url.search}&expires=${text}&signature=${text}`),
      ])
        expect([text, [400, 403, 404].includes(await fetched(change))]).toEqual([text, true]);
    }
  });
});
