import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { expectData, smallPng } from '@taskgraph/testkit';
import { startStory, until, withServers, type Person, type Story } from '../story.js';

withServers('what one service does, the others hear of', () => {
  let story: Story;
  let ada: Person;
  beforeAll(async () => {
    story = await startStory({ withEvents: true });
    ada = await story.newPerson('Ada');
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const references = (where: string) => story.graph?.countRows('media', 'media_references', where) ?? 0;
  const mediaOf = async (taskId: string) => {
    const { task } = expectData(await ada.run('TaskWithMedia', { id: taskId }));
    return (task as { media: { totalCount: number } }).media.totalCount;
  };

  it('counts who refers to a media item, from attaching to the end of the task', async () => {
    const [taskId, mediaId] = [await ada.addTask({ title: 'Count' }), await ada.addPicture(await smallPng())];
    const here = `media_id = '${mediaId}'`;
    await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } });
    await until(
      () => Promise.resolve(references(here)),
      (count) => count === 1,
    );
    await ada.run('DetachMedia', { input: { taskId, mediaIds: [mediaId] } });
    await until(
      () => Promise.resolve(references(here)),
      (count) => count === 0,
    );
    await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } });
    await until(
      () => Promise.resolve(references(here)),
      (count) => count === 1,
    );
    expectData(await ada.run('DeleteTask', { id: taskId }));
    await until(
      () => Promise.resolve(references(here)),
      (count) => count === 0,
    );
  });

  it('takes a deleted media item off its tasks, and attaches it no more', async () => {
    const [taskId, other] = [await ada.addTask({ title: 'One' }), await ada.addTask({ title: 'Two' })];
    const mediaId = await ada.addPicture(await smallPng());
    for (const id of [taskId, other]) await ada.run('AttachMedia', { input: { taskId: id, mediaIds: [mediaId] } });
    expect(await mediaOf(taskId)).toBe(1);
    expectData(await ada.run('DeleteMedia', { id: mediaId }));
    await until(
      () => mediaOf(taskId),
      (count) => count === 0,
    );
    await until(
      () => mediaOf(other),
      (count) => count === 0,
    );
    const { attachMedia } = expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
    expect(attachMedia).toMatchObject({ __typename: 'MediaNotFoundProblem', mediaIds: [mediaId] });
    await until(
      async () => (await story.graph?.countRows('media', 'media_references', `media_id = '${mediaId}'`)) ?? -1,
      (count) => count === 0,
    );
  });

  it('attaches what the media service has told of while that service is down', async () => {
    const [taskId, mediaId] = [await ada.addTask({ title: 'Known' }), await ada.addPicture(await smallPng())];
    await until(
      async () => (await story.graph?.countRows('task', 'known_media', `media_id = '${mediaId}'`)) ?? 0,
      (count) => count === 1,
    );
    await story.graph?.kill('media');
    const { attachMedia } = expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
    expect(attachMedia).toMatchObject({ __typename: 'AttachMediaSuccess' });
    await story.graph?.restart('media');
    await until(
      () => Promise.resolve(references(`media_id = '${mediaId}'`)),
      (count) => count === 1,
    );
  });

  it('goes on without Pub/Sub, and delivers when it is back, what it has forgotten included', async () => {
    const taskId = await ada.addTask({ title: 'Later' });
    const [before, during] = [await ada.addPicture(await smallPng()), await ada.addPicture(await smallPng())];
    await ada.run('AttachMedia', { input: { taskId, mediaIds: [before] } });
    await story.servers?.pubsub.stop();
    const { attachMedia } = expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [during] } }));
    expect(attachMedia).toMatchObject({ __typename: 'AttachMediaSuccess' });
    expect(await story.graph?.countRows('task', 'outbox', 'published_at IS NULL')).toBeGreaterThan(0);
    const health = (await (await fetch(`${story.graph?.urls.task ?? ''}/health`)).json()) as { status: string };
    expect(health.status).toBe('degraded');
    await story.servers?.pubsub.start();
    await until(
      () => Promise.resolve(references(`task_id = '${taskId}'`)),
      (count) => count === 2,
    );
    await until(
      async () => (await story.graph?.countRows('task', 'outbox', 'published_at IS NULL')) ?? -1,
      (count) => count === 0,
    );
  });
});
