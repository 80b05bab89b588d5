import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  chooseFreePorts,
  expectData,
  largeJpeg,
  PATIENCE,
  postGraphQL,
  smallPng,
  spawnService,
  type SpawnedService,
} from '@taskgraph/testkit';
import { startStory, until, withServers, type Person, type Story } from '../story.js';

const CLIENT_INFO_SECRET = 'the same secret for both of the gateways';
const ENDPOINT = '/graphql';
const FACTS = 'id filename altText mimeType byteSize status thumbnail(size: SMALL) { mimeType }';

interface Facts {
  readonly filename: string;
  readonly altText: string | null;
  readonly mimeType: string;
  readonly byteSize: number;
  readonly status: string;
}

withServers('metadata of media at two gateways that keep answers in one Redis', () => {
  let story: Story;
  let other: SpawnedService;
  let ada: Person;
  let urls: readonly string[];
  beforeAll(async () => {
    // What takes long is told as PROCESSING.
    story = await startStory({ withEvents: true, settings: { CLIENT_INFO_SECRET, MEDIA_PROCESSING_WAIT_MS: '1' } });
    const { graph, servers } = story;
    if (!graph || !servers) throw new Error('This story starts its own system.');
    const [port] = (await chooseFreePorts(1)) as [number];
    const { auth, task, media } = graph.urls;
    other = await spawnService({
      name: 'gateway',
      entry: 'gateway/dist/main.js',
      url: `http://127.0.0.1:${port}`,
      env: {
        ...PATIENCE,
        HOST: '127.0.0.1',
        GATEWAY_PORT: String(port),
        AUTH_URL: auth,
        TASK_URL: task,
        MEDIA_URL: media,
        CLIENT_INFO_SECRET,
        RATE_LIMITS: '0',
        REDIS_URL: servers.redis.url,
        PUBSUB_PROJECT_ID: 'taskgraph-story',
        PUBSUB_EMULATOR_HOST: servers.pubsub.host,
      },
    });
    urls = [story.gatewayUrl, `http://127.0.0.1:${port}${ENDPOINT}`];
    ada = await story.newPerson('Ada');
  });
  afterAll(async () => {
    await other?.end('SIGTERM');
    await story?.[Symbol.asyncDispose]();
  });

  /** As each gateway tells it: alone, and as what is attached to a task. */
  async function told(id: string, taskId: string): Promise<Array<Facts | null>> {
    const query = `query($id: ID!, $taskId: ID!) {
      media(id: $id) { ${FACTS} }
      task(id: $taskId) { media(first: 5) { edges { node { ${FACTS} } } } }
    }`;
    const answers = await Promise.all(
      urls.map((url) => postGraphQL(url, { query, variables: { id, taskId }, token: ada.accessToken })),
    );
    return answers.flatMap(({ body }) => {
      // What is deleted is not there.
      for (const { extensions } of body.errors ?? []) expect(extensions?.code).toBe('NOT_FOUND');
      const { media, task } = body.data as {
        media: Facts | null;
        task: { media: { edges: Array<{ node: Facts | null }> } };
      };
      return [media, task.media.edges[0]?.node ?? null];
    });
  }

  /** Counts what is attached, be it gone at the media service already. */
  async function attachmentsOf(url: string, taskId: string): Promise<number> {
    const query = 'query($id: ID!) { task(id: $id) { media { totalCount } } }';
    const answer = await postGraphQL(url, { query, variables: { id: taskId }, token: ada.accessToken });
    return (expectData(answer) as { task: { media: { totalCount: number } } }).task.media.totalCount;
  }

  it('is what it was changed to at once, wherever it is asked for and whichever gateway has made the change', async () => {
    const photograph = await largeJpeg();
    const id = await ada.addPicture(await smallPng(), 'first.png');
    const taskId = await ada.addTask({ title: 'Hang it' });
    await until(
      () => told(id, taskId),
      ([media]) => media?.status === 'READY',
    );
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [id] } }));
    const everywhere = (facts: Partial<Facts>) => [0, 1, 2, 3].map(() => expect.objectContaining(facts));
    expect(await told(id, taskId)).toEqual(everywhere({ filename: 'first.png', mimeType: 'image/png' }));

    for (const [round, url] of urls.entries()) {
      const change = async (query: string, variables: object) =>
        expectData(await postGraphQL(url, { query, variables: { ...variables }, token: ada.accessToken }));
      const filename = `round ${round}.png`;
      await change('mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { __typename } }', {
        input: { id, filename, altText: filename },
      });
      expect(await told(id, taskId)).toEqual(everywhere({ filename, altText: filename }));

      await change('mutation($id: ID!) { deleteMedia(id: $id) { __typename } }', { id });
      const [gone, , goneThere] = await told(id, taskId);
      expect([gone, goneThere]).toEqual([null, null]);
      // The task service hears of it, and takes the item off.
      await until(
        () => Promise.all(urls.map((each) => attachmentsOf(each, taskId))),
        (counts) => counts.every((count) => count === 0),
      );
      await change('mutation($id: ID!) { restoreMedia(id: $id) { __typename } }', { id });
      const [back, , backThere] = await told(id, taskId);
      expect([back?.filename, backThere?.filename]).toEqual([filename, filename]);
      // It hears of that too, and attaches no item that is gone as far as it knows.
      await until(
        async () => expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [id] } })),
        ({ attachMedia }) => (attachMedia as { __typename: string }).__typename === 'AttachMediaSuccess',
      );

      const content = Buffer.concat([photograph, Buffer.from([round])]);
      const withMediaId = await ada.addPicture(content, `other ${round}.jpg`);
      await until(
        () => told(withMediaId, taskId),
        ([media]) => media?.status === 'READY',
      );
      expect((await told(withMediaId, taskId))[2]?.status).toBe('READY');
      await change('mutation($input: ReplaceMediaInput!) { replaceMedia(input: $input) { __typename } }', {
        input: { mediaId: id, withMediaId },
      });
      const replaced = { filename: `other ${round}.jpg`, mimeType: 'image/jpeg', byteSize: content.length };
      expect(await told(id, taskId)).toEqual(everywhere({ ...replaced, status: 'READY' }));
    }
  });
});
