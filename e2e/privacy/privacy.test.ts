import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, smallPng } from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

describe('what is mine is hidden from others', () => {
  let story: Story;
  let ada: Person;
  let ben: Person;
  let eve: Person;
  let taskId: string;
  let mediaId: string;

  beforeAll(async () => {
    story = await startStory();
    [ada, ben, eve] = [await story.newPerson('Ada'), await story.newPerson('Ben'), await story.newPerson('Eve')];
    taskId = await ada.addTask({ title: 'A secret', assigneeId: ben.id });
    mediaId = await ada.addPicture(await smallPng());
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('gives a stranger the answer for things that do not exist', async () => {
    const strange = [
      ['TaskWithMedia', { id: taskId }],
      ['UpdateTask', { input: { id: taskId, expectedVersion: 1, title: 'Mine' } }],
      ['DeleteTask', { id: taskId }],
      ['AttachMedia', { input: { taskId, mediaIds: [mediaId] } }],
      ['DetachMedia', { input: { taskId, mediaIds: [mediaId] } }],
      ['Media', { id: mediaId }],
      ['DeleteMedia', { id: mediaId }],
    ] as const;
    for (const [name, variables] of strange) {
      const refused = await eve.run(name, variables);
      expectErrorCode(refused, 'NOT_FOUND');
      const absent = await eve.run(
        name,
        JSON.parse(
          JSON.stringify(variables).replaceAll(taskId, randomUUID()).replaceAll(mediaId, randomUUID()),
        ) as Record<string, unknown>,
      );
      expect(absent.body.errors?.map(({ message, extensions }) => ({ message, extensions }))).toEqual(
        refused.body.errors?.map(({ message, extensions }) => ({ message, extensions })),
      );
    }
    expect(expectData(await eve.run('Board')).tasks.edges).toEqual([]);
    expect(expectData(await eve.run('UserOverview', { id: ada.id })).user).toMatchObject({
      tasks: { totalCount: 0 },
      uploads: { totalCount: 0 },
    });
  });

  it('refuses media that the attacher may not see', async () => {
    const own = await eve.addTask({ title: "Eve's" });
    expect(
      expectData(await eve.run('AttachMedia', { input: { taskId: own, mediaIds: [mediaId] } })).attachMedia,
    ).toEqual({
      __typename: 'MediaNotFoundProblem',
      message: expect.any(String),
      mediaIds: [mediaId],
    });
  });

  it('asks somebody without a token to sign in', async () => {
    for (const name of ['Me', 'Sessions', 'Board', 'MyMedia'])
      expectErrorCode(await story.run(name), 'UNAUTHENTICATED');
    expectErrorCode(await story.run('TaskWithMedia', { id: taskId }), 'UNAUTHENTICATED');
    expectErrorCode(await story.run('Me', {}, { authorization: 'Bearer garbage' }), 'UNAUTHENTICATED');
  });

  it('lets the assignee see the task with its picture, edit and attach, but not delete', async () => {
    const { task } = expectData(await ben.run('TaskWithMedia', { id: taskId }));
    expect(task).toMatchObject({
      title: 'A secret',
      media: { edges: [{ node: { id: mediaId, filename: 'picture.png', uploadedBy: { displayName: 'Ada' } } }] },
    });
    expect((await fetch(task.media.edges[0].node.thumbnail.url)).status).toBe(200);

    const own = await ben.addPicture(await smallPng('gold'));
    expect(
      expectData(await ben.run('AttachMedia', { input: { taskId, mediaIds: [own] } })).attachMedia.task.media
        .totalCount,
    ).toBe(2);
    const { task: seen } = expectData(await ada.run('TaskWithMedia', { id: taskId }));
    expect(seen.media.edges[1]).toMatchObject({
      attachedBy: { displayName: 'Ben' },
      node: { id: own, uploadedBy: { displayName: 'Ben' } },
    });
    expectErrorCode(await ben.run('DeleteTask', { id: taskId }), 'FORBIDDEN');
  });

  it('takes the picture from the assignee with the task, and from all to whom they had passed it on', async () => {
    const kept = await ben.addTask({ title: "Ben's", assigneeId: eve.id });
    const attached = expectData(await ben.run('AttachMedia', { input: { taskId: kept, mediaIds: [mediaId] } }));
    expect(attached.attachMedia.__typename).toBe('AttachMediaSuccess');
    expect(expectData(await eve.run('Media', { id: mediaId })).media.id).toBe(mediaId);

    const { updateTask } = expectData(
      await ada.run('UpdateTask', { input: { id: taskId, expectedVersion: 1, assigneeId: null } }),
    );
    expect(updateTask.__typename).toBe('UpdateTaskSuccess');
    expectErrorCode(await ben.run('TaskWithMedia', { id: taskId }), 'NOT_FOUND');
    for (const who of [ben, eve]) {
      expectErrorCode(await who.run('Media', { id: mediaId }), 'NOT_FOUND');
      const { task } = expectData(await who.run('TaskWithMedia', { id: kept }));
      expect(task.media).toMatchObject({ totalCount: 1, edges: [{ node: null }] });
    }
    expect(expectData(await ada.run('Media', { id: mediaId })).media.id).toBe(mediaId);
  });
});
