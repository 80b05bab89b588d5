import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  chooseFreePorts,
  expectData,
  FILM_DATA,
  FILM_SECRETS,
  hasStorageEmulator,
  postGraphQL,
  smallPng,
  spawnService,
  startStorageEmulator,
  testFilm,
  type SpawnedService,
  type StorageEmulator,
} from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

const MEDIA_URL_SECRET = 'the same secret for both of the replicas';

(hasStorageEmulator() ? describe : describe.skip)('two media processes with one bucket of Cloud Storage', () => {
  let emulator: StorageEmulator;
  let story: Story;
  let other: SpawnedService;
  let ada: Person;
  beforeAll(async () => {
    emulator = await startStorageEmulator();
    const [port] = (await chooseFreePorts(1)) as [number];
    const settings = { GCS_BUCKET: emulator.bucket, STORAGE_EMULATOR_HOST: emulator.url, MEDIA_URL_SECRET };
    story = await startStory({ settings });
    if (!story.graph) throw new Error('This story starts its own system.');
    const { urls, databases, dataDir } = story.graph;
    other = await spawnService({
      name: 'media',
      entry: 'subgraphs/media/dist/main.js',
      url: `http://127.0.0.1:${port}`,
      env: {
        ...settings,
        HOST: '127.0.0.1',
        MEDIA_PORT: String(port),
        MEDIA_DATABASE_URL: databases.media.url,
        AUTH_URL: urls.auth,
        TASK_URL: urls.task,
        CLIENT_INFO_SECRET: 'a secret that no gateway knows, as none comes here',
        TASKGRAPH_DATA_DIR: `${dataDir}/other`,
      },
    });
    ada = await story.newPerson('Ada');
  });
  afterAll(async () => {
    await other?.end('SIGTERM');
    await story?.[Symbol.asyncDispose]();
    await emulator?.[Symbol.asyncDispose]();
  });

  const at = (url: string, origin: string) => {
    const { pathname, search } = new URL(url);
    return new URL(`${pathname}${search}`, origin);
  };

  it('serve what either of them has taken, in whole and in part', async () => {
    const png = await smallPng('navy');
    const { media } = expectData(await ada.run('Media', { id: await ada.addPicture(png) }));
    const first = story.graph?.urls.media ?? '';
    for (const origin of [first, other.url]) {
      const whole = await fetch(at(media.url, origin));
      expect(whole.status).toBe(200);
      expect(Buffer.from(await whole.arrayBuffer()).equals(png)).toBe(true);
      const part = await fetch(at(media.url, origin), { headers: { range: 'bytes=10-19' } });
      expect(part.status).toBe(206);
      expect(Buffer.from(await part.arrayBuffer()).equals(png.subarray(10, 20))).toBe(true);
      expect((await fetch(at(media.thumbnail.url, origin))).headers.get('content-type')).toBe('image/webp');
    }
    // Nothing of it lies on their disks.
    expect(await story.graph?.storedFiles()).toEqual([]);
  });

  it('serve others a film without what its camera wrote, and the file that takes its place', async () => {
    const ben = await story.newPerson('Ben');
    const film = testFilm();
    const uploaded = expectData(await ada.upload({ filename: 'a.mp4', content: film, contentType: 'video/mp4' }));
    const { id } = uploaded.uploadMedia.media;
    const taskId = await ada.addTask({ title: 'Watch it', assigneeId: ben.id });
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [id] } }));
    const first = story.graph?.urls.media ?? '';
    const download = async (who: Person) => {
      const { media } = expectData(await who.run('Media', { id })) as { media: { url: string } };
      const answers = [];
      for (const origin of [first, other.url]) {
        const response = await fetch(at(media.url, origin));
        answers.push({ status: response.status, bytes: Buffer.from(await response.arrayBuffer()) });
      }
      return { url: media.url, answers };
    };
    const { url: ofFilm, answers: own } = await download(ada);
    for (const { bytes } of own) expect(bytes.equals(film)).toBe(true);
    const { url: ofCopy, answers: copies } = await download(ben);
    for (const { status, bytes } of copies) {
      expect([status, bytes.length]).toEqual([200, film.length]);
      for (const secret of FILM_SECRETS) expect(bytes.includes(secret)).toBe(false);
      for (const sample of FILM_DATA) expect(bytes.indexOf(sample)).toBe(film.indexOf(sample));
    }

    const png = await smallPng('orange');
    const input = { mediaId: id, withMediaId: await ada.addPicture(png) };
    const query = 'mutation($input: ReplaceMediaInput!) { replaceMedia(input: $input) { media { id mimeType } } }';
    const { replaceMedia } = expectData(
      await postGraphQL(story.gatewayUrl, { query, variables: { input }, token: ada.accessToken }),
    );
    expect(replaceMedia.media).toEqual({ id, mimeType: 'image/png' });
    for (const url of [ofFilm, ofCopy])
      for (const origin of [first, other.url]) expect((await fetch(at(url, origin))).status).toBe(404);
    for (const { bytes } of (await download(ada)).answers) expect(bytes.equals(png)).toBe(true);
    for (const { status, bytes } of (await download(ben)).answers) {
      expect(status).toBe(200);
      expect(bytes.subarray(8, 12).toString()).toBe('WEBP');
    }
  });

  it('delete it for both', async () => {
    const id = await ada.addPicture(await smallPng('red'));
    const { media } = expectData(await ada.run('Media', { id }));
    expect((await fetch(at(media.url, other.url))).status).toBe(200);
    expectData(await ada.run('DeleteMedia', { id }));
    expect((await fetch(at(media.url, other.url))).status).toBe(404);
  });

  it('refuse uploads while the bucket cannot be reached, and go on when it can', async () => {
    await emulator.stop();
    const { body } = await ada.upload({
      filename: 'a.png',
      content: await smallPng('green'),
      contentType: 'image/png',
    });
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' });
    await emulator.start();
    await ada.addPicture(await smallPng('green'));
  });
});
