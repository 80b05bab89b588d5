import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectData,
  expectErrorCode,
  FILM_DATA,
  FILM_SECRETS,
  postGraphQL,
  smallPng,
  testFilm,
} from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

describe('a person keeps a library of pictures', () => {
  let story: Story;
  let ada: Person;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('begins empty', async () => {
    expect(expectData(await ada.run('MyMedia'))).toEqual({
      myMedia: { totalCount: 0, edges: [], pageInfo: { hasNextPage: false, endCursor: null } },
    });
  });

  it('lists uploads page by page, the newest first', async () => {
    const ids = [];
    for (const colour of ['red', 'green', 'blue'])
      ids.push(await ada.addPicture(await smallPng(colour), `${colour}.png`));
    const first = expectData(await ada.run('MyMedia', { first: 2 })).myMedia;
    expect(first.edges.map((edge: { node: { filename: string } }) => edge.node.filename)).toEqual([
      'blue.png',
      'green.png',
    ]);
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });
    const second = expectData(await ada.run('MyMedia', { first: 2, after: first.pageInfo.endCursor })).myMedia;
    expect(second.edges.map((edge: { node: { id: string } }) => edge.node.id)).toEqual([ids[0]]);
  });

  it('deletes a picture, which nobody can fetch any more, and restores it', async () => {
    const id = await ada.addPicture(await smallPng('black'));
    const { media } = expectData(await ada.run('Media', { id }));
    expect((await fetch(media.url)).status).toBe(200);
    expect(expectData(await ada.run('DeleteMedia', { id }))).toEqual({ deleteMedia: { mediaId: id } });
    expectErrorCode(await ada.run('Media', { id }), 'NOT_FOUND');
    expect((await fetch(media.url)).status).toBe(404);
    expect(expectData(await ada.run('RestoreMedia', { id }))).toEqual({
      restoreMedia: { media: { id, status: 'READY' } },
    });
    expect((await fetch(media.url)).status).toBe(200);
  });

  it('shares a film on a task, and not where it was made', async () => {
    const ben = await story.newPerson('Ben');
    const film = testFilm();
    const { me: before } = expectData(await ada.run('Usage'));
    const { uploadMedia } = expectData(
      await ada.upload({ filename: 'a.mp4', content: film, contentType: 'video/mp4' }),
    );
    const { id } = uploadMedia.media;
    const taskId = await ada.addTask({ title: 'Watch it', assigneeId: ben.id });
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [id] } }));
    const download = async (who: Person) => {
      const { media } = expectData(await who.run('Media', { id }));
      return Buffer.from(await (await fetch(media.url)).arrayBuffer());
    };
    expect((await download(ada)).equals(film)).toBe(true);
    const seen = await download(ben);
    for (const secret of FILM_SECRETS) expect(seen.includes(secret)).toBe(false);
    for (const sample of FILM_DATA) expect(seen.indexOf(sample)).toBe(film.indexOf(sample));
    // The copy for others counts for nobody.
    const { me: after } = expectData(await ada.run('Usage'));
    expect(after.storage.usedBytes - before.storage.usedBytes).toBe(film.length);
  });

  it('puts another file in the place of one that is on a task, which shows it then', async () => {
    const ben = await story.newPerson('Ben');
    const png = await smallPng('maroon');
    const [id, withMediaId] = [await ada.addPicture(await smallPng('teal')), await ada.addPicture(png, 'after.png')];
    const taskId = await ada.addTask({ title: 'Look at it', assigneeId: ben.id });
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [id] } }));
    const show = async (who: Person) => {
      const { task } = expectData(await who.run('TaskWithMedia', { id: taskId }));
      expect(task.media.edges.map((edge: { node: { id: string } }) => edge.node.id)).toEqual([id]);
      return task.media.edges[0].node as { filename: string; url: string; thumbnail: { url: string } };
    };
    const [own, seen] = [await show(ada), await show(ben)];
    const replace = (who: Person) =>
      postGraphQL(story.gatewayUrl, {
        query: 'mutation($input: ReplaceMediaInput!) { replaceMedia(input: $input) { media { id filename } } }',
        variables: { input: { mediaId: id, withMediaId } },
        token: who.accessToken,
      });
    expectErrorCode(await replace(ben), 'FORBIDDEN');
    expect(expectData(await replace(ada))).toEqual({ replaceMedia: { media: { id, filename: 'after.png' } } });
    for (const [who, before] of [
      [ada, own],
      [ben, seen],
    ] as const) {
      const after = await show(who);
      expect(after.filename).toBe('after.png');
      expect((await fetch(before.url)).status).toBe(404);
      expect((await fetch(before.thumbnail.url)).status).toBe(404);
      expect((await fetch(after.thumbnail.url)).status).toBe(200);
    }
    expect(Buffer.from(await (await fetch((await show(ada)).url)).arrayBuffer()).equals(png)).toBe(true);
    expectErrorCode(await ada.run('Media', { id: withMediaId }), 'NOT_FOUND');
  });

  it('names and describes a picture, and sees what all of them take', async () => {
    const png = await smallPng('white');
    const { me: before } = expectData(await ada.run('Usage'));
    const id = await ada.addPicture(png);
    const { updateMedia } = expectData(
      await ada.run('UpdateMedia', { input: { id, filename: 'snow.png', altText: 'Snow' } }),
    );
    expect(updateMedia.media).toEqual({ id, filename: 'snow.png', altText: 'Snow' });
    const { me: after } = expectData(await ada.run('Usage'));
    expect(after.storage.usedBytes - before.storage.usedBytes).toBe(png.length);
    expect(after.storage.quotaBytes).toBeGreaterThan(after.storage.usedBytes);
  });

  it('serves parts of a file, and nothing to who changes the address', async () => {
    const png = await smallPng('navy');
    const { media } = expectData(await ada.run('Media', { id: await ada.addPicture(png) }));
    const part = await fetch(media.url, { headers: { range: 'bytes=10-19' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(png.subarray(10, 20))).toBe(true);
    const etag = (await fetch(media.url)).headers.get('etag') ?? '';
    expect((await fetch(media.url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await fetch(`${media.url}0`)).status).toBe(403);
  });
});
