import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, countStatements, expectData, expectErrorCode, smallPng, uploadGraphQL } from '@taskgraph/testkit';
import sharp from 'sharp';
import { startMediaGraph, type MediaGraph } from './media-graph.js';

const MEDIA = 'query($id: ID!) { media(id: $id) { id filename url } }';
const ENTITIES =
  'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Media { id filename status thumbnail(size: SMALL) { url } uploadedBy { id } } } }';

/** Statements of what is done for a request: jobs are looked for all the time. */
function ofRequests(statements: readonly string[]): string[] {
  return statements.filter((statement) => !statement.includes('media_jobs'));
}

describe('media', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('are seen by their uploader, by administrators, and through a task', async () => {
    const [ada, eve, admin] = [buildViewer(), buildViewer(), buildViewer({ role: 'ADMIN' })];
    const id = await graph.addMedia(ada, await smallPng());
    for (const who of [ada, admin]) expect(expectData(await graph.run(who, MEDIA, { id })).media.id).toBe(id);
    expectErrorCode(await graph.run(eve, MEDIA, { id }), 'NOT_FOUND');
    expectErrorCode(await graph.run(null, MEDIA, { id }), 'UNAUTHENTICATED');
    for (const strange of [randomUUID(), 'garbage', ''])
      expectErrorCode(await graph.run(ada, MEDIA, { id: strange }), 'NOT_FOUND');

    graph.attached.add(id);
    const seen = await graph.run(eve, MEDIA, { id });
    expect(expectData(seen).media.id).toBe(id);
    expect(graph.task.requests.at(-1)?.headers).toMatchObject({
      authorization: `Bearer ${eve.token}`,
      'x-request-id': seen.request.requestId,
    });
    graph.attached.delete(id);
    expectErrorCode(await graph.run(eve, MEDIA, { id }), 'NOT_FOUND');
  });

  it('are answered for many references with one statement, and one call about the doubtful', async () => {
    const [ada, ben] = [buildViewer(), buildViewer()];
    const own: string[] = [];
    const shared: string[] = [];
    const hidden: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      own.push(await graph.addMedia(ada, await smallPng()));
      shared.push(await graph.addMedia(ben, await smallPng()));
      hidden.push(await graph.addMedia(ben, await smallPng()));
    }
    for (const id of shared) graph.attached.add(id);
    const representations = [...own, ...shared, ...hidden, randomUUID(), 'garbage'].map((id) => ({
      __typename: 'Media',
      id,
    }));
    const before = graph.task.requests.length;
    const { result, statements } = await countStatements(graph.pool, () =>
      graph.run(ada, ENTITIES, { representations }),
    );
    expect(expectData(result)._entities.map((media: { id: string } | null) => media?.id ?? null)).toEqual([
      ...own,
      ...shared,
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(ofRequests(statements)).toHaveLength(1);
    expect(graph.task.requests.length - before).toBe(1);

    const ownOnly = await graph.run(ada, ENTITIES, { representations: own.map((id) => ({ __typename: 'Media', id })) });
    expect(expectData(ownOnly)._entities).toHaveLength(3);
    expect(graph.task.requests.length - before).toBe(1);
  });

  it('of others are UNAVAILABLE while the task service is down; own ones are not', async () => {
    await using other = await startMediaGraph();
    const [ada, ben] = [buildViewer(), buildViewer()];
    const [own, foreign] = [await other.addMedia(ada, await smallPng()), await other.addMedia(ben, await smallPng())];
    await other.task.stop();
    const result = await other.run(ada, ENTITIES, {
      representations: [own, foreign].map((id) => ({ __typename: 'Media', id })),
    });
    expect(result.body.data._entities).toMatchObject([{ id: own }, null]);
    expect(expectErrorCode(result, 'UNAVAILABLE')).toMatchObject({
      path: ['_entities', 1],
      extensions: { subgraph: 'task' },
    });
  });

  it('are listed for their uploader page by page, in one statement', async () => {
    const ada = buildViewer();
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.unshift(await graph.addMedia(ada, await smallPng(), `${index}.png`));
    const query =
      'query($first: Int, $after: String) { myMedia(first: $first, after: $after) { totalCount edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }';
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const { result, statements } = await countStatements(graph.pool, () =>
        graph.run(ada, query, { first: 2, after }),
      );
      const { myMedia } = expectData(result) as {
        myMedia: {
          totalCount: number;
          edges: Array<{ node: { id: string } }>;
          pageInfo: { hasNextPage: boolean; endCursor: string };
        };
      };
      expect(myMedia.totalCount).toBe(5);
      expect(ofRequests(statements)).toHaveLength(1);
      seen.push(...myMedia.edges.map(({ node }) => node.id));
      more = myMedia.pageInfo.hasNextPage;
      after = myMedia.pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
    for (const variables of [{ first: -1 }, { first: 101 }, { after: 'garbage' }])
      expectErrorCode(await graph.run(ada, query, variables), 'BAD_USER_INPUT');
  });

  it('of a user are listed for that user and administrators', async () => {
    const [ada, eve] = [buildViewer(), buildViewer()];
    await graph.addMedia(ada, await smallPng());
    const query =
      'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { uploads { totalCount } } } }';
    const representations = [
      { __typename: 'User', id: ada.userId },
      { __typename: 'User', id: eve.userId },
    ];
    const counts = async (who: typeof ada) =>
      expectData(await graph.run(who, query, { representations }))._entities.map(
        (user: { uploads: { totalCount: number } }) => user.uploads.totalCount,
      );
    expect(await counts(ada)).toEqual([1, 0]);
    expect(await counts(eve)).toEqual([0, 0]);
    expect(await counts(buildViewer({ role: 'ADMIN' }))).toEqual([1, 0]);
  });

  it('of a user are what they are after each mutation of a request', async () => {
    const ada = buildViewer();
    const id = await graph.addMedia(ada, await smallPng());
    const AFTER = 'media { uploadedBy { uploads { totalCount edges { node { altText } } } } }';
    const UPLOADED = `... on UploadMediaSuccess { ${AFTER} }`;
    const query = `mutation($id: ID!, $one: Upload!, $two: Upload!) {
      a: updateMedia(input: { id: $id, altText: "first" }) { ${AFTER} }
      b: uploadMedia(file: $one, altText: "second") { ${UPLOADED} }
      c: deleteMedia(id: $id) { mediaId }
      d: uploadMedia(file: $two, altText: "third") { ${UPLOADED} }
      e: restoreMedia(id: $id) { ${AFTER} }
      f: updateMedia(input: { id: $id, altText: "again" }) { ${AFTER} }
    }`;
    const file = { filename: 'picture.png', content: await smallPng(), contentType: 'image/png' };
    const data = expectData(
      await uploadGraphQL(graph.url, {
        query,
        variables: { id, one: null, two: null },
        files: { 'variables.one': file, 'variables.two': file },
        token: ada.token,
      }),
    );
    const after = (field: string) => {
      const { totalCount, edges } = data[field].media.uploadedBy.uploads;
      return [totalCount, edges.map(({ node }: { node: { altText: string } }) => node.altText)];
    };
    expect(['a', 'b', 'd', 'e', 'f'].map(after)).toEqual([
      [1, ['first']],
      [2, ['second', 'first']],
      [2, ['third', 'second']],
      [3, ['third', 'second', 'first']],
      [3, ['third', 'second', 'again']],
    ]);
  });

  it('are deleted by their uploader, once, and restored', async () => {
    const [ada, eve] = [buildViewer(), buildViewer()];
    const id = await graph.addMedia(ada, await smallPng());
    graph.attached.add(id);
    const url = expectData(await graph.run(ada, 'query($id: ID!) { media(id: $id) { url } }', { id })).media.url;
    const remove = 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }';
    const restore = 'mutation($id: ID!) { restoreMedia(id: $id) { media { id status } } }';
    expectErrorCode(await graph.run(eve, remove, { id }), 'FORBIDDEN');
    expectErrorCode(await graph.run(null, remove, { id }), 'UNAUTHENTICATED');
    const outcomes = await Promise.all([graph.run(ada, remove, { id }), graph.run(ada, remove, { id })]);
    expect(outcomes.filter(({ body }) => body.errors === undefined)).toHaveLength(1);
    expectErrorCode(await graph.run(ada, remove, { id }), 'NOT_FOUND');
    expectErrorCode(await graph.run(ada, 'query($id: ID!) { media(id: $id) { id } }', { id }), 'NOT_FOUND');
    expect(expectData(await graph.run(ada, '{ myMedia { totalCount } }')).myMedia.totalCount).toBe(0);
    expect((await fetch(url)).status).toBe(404);

    expectErrorCode(await graph.run(eve, restore, { id }), 'NOT_FOUND');
    expectErrorCode(await graph.run(null, restore, { id }), 'UNAUTHENTICATED');
    expectErrorCode(await graph.run(ada, restore, { id: 'none' }), 'NOT_FOUND');
    for (let time = 0; time < 2; time += 1)
      expect(expectData(await graph.run(ada, restore, { id: id.toUpperCase() }))).toEqual({
        restoreMedia: { media: { id, status: 'READY' } },
      });
    expect((await fetch(url)).status).toBe(200);
    const { rows } = await graph.pool.query<{ type: string }>(
      'SELECT type FROM outbox WHERE subject = $1 ORDER BY position',
      [id],
    );
    expect(rows.map(({ type }) => type)).toEqual([
      'media.uploaded.v1',
      'media.processed.v1',
      'media.deleted.v1',
      'media.processed.v1',
    ]);
  });

  it('are purged, with their files, when they can be restored no more', async () => {
    const ada = buildViewer();
    const id = await graph.addMedia(ada, await smallPng());
    const kept = await graph.addMedia(ada, await smallPng('red'));
    for (const one of [id, kept])
      expectData(await graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id: one }));
    await graph.pool.query(`UPDATE media_items SET deleted_at = now() - interval '31 days' WHERE id = $1`, [id]);
    expectErrorCode(
      await graph.run(ada, 'mutation($id: ID!) { restoreMedia(id: $id) { media { id } } }', { id }),
      'NOT_FOUND',
    );
    await using _again = await graph.restart();
    const objects = path.join(graph.dataDir, 'media', 'objects');
    while ((await readdir(objects)).includes(id)) await new Promise((done) => setTimeout(done, 20));
    const { rows } = await graph.pool.query('SELECT id FROM media_items WHERE uploader_id = $1', [ada.userId]);
    expect(rows).toEqual([{ id: kept }]);
    expect(await readdir(objects)).toContain(kept);
  });
});

describe('the quota of a user', () => {
  const STORAGE = `query($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) {
    ... on User { storage { usedBytes quotaBytes } } } }`;

  it('is shown to that user, counts what can be restored, and bounds uploads, those at once too', async () => {
    const png = await smallPng();
    const quotaBytes = png.length * 2 + 10;
    await using graph = await startMediaGraph({ MEDIA_QUOTA_BYTES: String(quotaBytes) });
    const [ada, eve] = [buildViewer(), buildViewer()];
    const storage = async (who: typeof ada) =>
      expectData(await graph.run(who, STORAGE, { id: ada.userId }))._entities[0].storage;
    expect(await storage(ada)).toEqual({ usedBytes: 0, quotaBytes });
    for (const other of [eve, buildViewer({ role: 'ADMIN' })]) expect(await storage(other)).toBeNull();

    const outcomes = await Promise.all(Array.from({ length: 4 }, () => graph.upload(ada, png)));
    const kinds = outcomes.map((outcome) => expectData(outcome).uploadMedia.__typename as string).sort();
    expect(kinds.filter((kind) => kind === 'UploadMediaSuccess')).toHaveLength(2);
    expect(kinds.filter((kind) => kind === 'QuotaExceededProblem')).toHaveLength(2);
    expect(await storage(ada)).toEqual({ usedBytes: png.length * 2, quotaBytes });
    expect(expectData(await graph.upload(ada, png)).uploadMedia).toMatchObject({
      usedBytes: png.length * 2,
      quotaBytes,
    });
    const { rows } = await graph.pool.query<{ id: string }>('SELECT id FROM media_items');
    // Of those with the same bytes, which count each, one has files; of what was refused nothing is left.
    const { rows: contents } = await graph.pool.query<{ id: string }>(
      'SELECT DISTINCT coalesce(content_id, id) AS id FROM media_items',
    );
    expect(contents).toHaveLength(1);
    expect(new Set((await graph.files()).map((file) => file.split(path.sep)[2]))).toEqual(
      new Set(contents.map(({ id }) => id)),
    );
    const { id } = rows[0] as { id: string };
    expectData(await graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id }));
    expect((await storage(ada)).usedBytes).toBe(png.length * 2);
    // What somebody else keeps counts for them alone.
    await graph.addMedia(eve, png);
  });
});

describe('files', () => {
  let graph: MediaGraph;
  let media: { url: string; thumbnail: { url: string } };
  let png: Buffer;
  beforeAll(async () => {
    graph = await startMediaGraph();
    png = await smallPng();
    media = expectData(await graph.upload(buildViewer(), png, 'Käse.png')).uploadMedia.media;
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('are served whole, with what browsers need to keep them and to do no harm', async () => {
    const response = await fetch(media.url);
    expect(Buffer.from(await response.arrayBuffer()).equals(png)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(png.length),
      'accept-ranges': 'bytes',
      'cache-control': 'private, max-age=3600, immutable',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'content-disposition': `inline; filename="K_se.png"; filename*=UTF-8''K%C3%A4se.png`,
    });
  });

  it('are served in parts', async () => {
    const size = png.length;
    for (const [range, from, to] of [
      ['bytes=0-9', 0, 10],
      [`bytes=${size - 5}-`, size - 5, size],
      ['bytes=-7', size - 7, size],
    ] as const) {
      const response = await fetch(media.url, { headers: { range } });
      expect(response.status).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${size}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(png.subarray(from, to))).toBe(true);
    }
    // Ranges are of GET alone (RFC 9110, section 14.2).
    for (const range of ['bytes=2-5', `bytes=${size}-`]) {
      const head = await fetch(media.url, { method: 'HEAD', headers: { range } });
      expect([head.status, head.headers.get('content-length')]).toEqual([200, String(size)]);
      expect(head.headers.has('content-range')).toBe(false);
    }
    const past = await fetch(media.url, { headers: { range: `bytes=${size}-` } });
    expect(past.status).toBe(416);
    expect(past.headers.get('content-range')).toBe(`bytes */${size}`);
  });

  it('are not sent to who has them, nor their bytes to who asks for the head', async () => {
    const etag = (await fetch(media.thumbnail.url)).headers.get('etag') ?? '';
    const known = await fetch(media.thumbnail.url, { headers: { 'if-none-match': etag } });
    expect([known.status, await known.text()]).toEqual([304, '']);
    const head = await fetch(media.thumbnail.url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'image/webp', '']);
  });

  it('are thumbnails in the format that a reader prefers, or that was asked for', async () => {
    const type = async (url: string, accept?: string) => {
      const { status, headers } = await fetch(url, { headers: accept === undefined ? {} : { accept } });
      return [status, headers.get('content-type'), headers.get('vary'), headers.get('etag')];
    };
    const { url } = media.thumbnail;
    const tag = (what: string): unknown => expect.stringContaining(what);
    for (const accept of ['image/avif,image/webp,*/*;q=0.8', 'image/avif', 'image/webp;q=0.5,image/avif'])
      expect([accept, await type(url, accept)]).toEqual([accept, [200, 'image/avif', 'Accept', tag('small.avif')]]);
    for (const accept of [undefined, '*/*', 'image/webp', 'image/webp,image/avif;q=0', 'text/html', 'x;y,,'])
      expect([accept, await type(url, accept)]).toEqual([accept, [200, 'image/webp', 'Accept', tag('small.webp')]]);

    const ada = buildViewer();
    const id = await graph.addMedia(ada, png);
    const frames = [await smallPng('red'), await smallPng('blue')];
    const animation = await graph.addMedia(
      ada,
      await sharp(frames, { join: { animated: true } })
        .webp()
        .toBuffer(),
    );
    const query = `query($id: ID!) { media(id: $id) { webp: thumbnail(format: WEBP) { url mimeType }
      avif: thumbnail(format: AVIF) { url mimeType } } }`;
    const found = async (which: string) => expectData(await graph.run(ada, query, { id: which })).media;
    const both = await found(id);
    expect([both.webp.mimeType, both.avif.mimeType]).toEqual(['image/webp', 'image/avif']);
    expect((await type(both.webp.url, 'image/avif')).slice(0, 3)).toEqual([200, 'image/webp', null]);
    expect((await type(both.avif.url, 'image/webp')).slice(0, 3)).toEqual([200, 'image/avif', null]);
    // Of an animation there is no AVIF.
    const moving = await found(animation);
    expect(moving.avif.mimeType).toBe('image/webp');
    expect((await type(moving.avif.url, 'image/avif')).slice(0, 2)).toEqual([200, 'image/webp']);
  });

  it('are refused without a good signature, and unknown ones are not found', async () => {
    const forged = new URL(media.url);
    forged.searchParams.set('expires', '9999999999');
    const refused = await fetch(forged);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await refused.json()).toEqual({
      type: 'about:blank',
      title: 'This link is not valid.',
      status: 403,
      code: 'FORBIDDEN',
    });
    expect((await fetch(`${graph.url}/files/${randomUUID()}/original${new URL(media.url).search}`)).status).toBe(403);
    for (const place of ['x/original', `${randomUUID()}/huge`, '..%2f..%2fetc/passwd'])
      expect((await fetch(`${graph.url}/files/${place}`)).status).toBe(404);
  });
});
