import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, smallPng } from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

describe('the media service is killed', () => {
  let story: Story;
  let ada: Person;
  let taskId: string;
  let mediaId: string;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
    taskId = await ada.addTask({ title: 'Go on' });
    mediaId = await ada.addPicture(await smallPng());
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
    await story.graph?.kill('media', 'SIGKILL');
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('costs the pictures, and only them', async () => {
    const { body } = await ada.run('TaskWithMedia', { id: taskId });
    expect(body.data?.['task']).toMatchObject({
      title: 'Go on',
      owner: { displayName: 'Ada' },
      media: { totalCount: 1, edges: [{ attachedBy: { displayName: 'Ada' }, node: null }] },
    });
    expect(body.errors?.length).toBeGreaterThan(0);
    for (const { path, extensions } of body.errors ?? []) {
      expect(extensions).toMatchObject({ code: 'UNAVAILABLE', subgraph: 'media' });
      expect(path?.slice(0, 2)).toEqual(['task', 'media']);
    }
  });

  it('refuses to attach what cannot be checked, and writes nothing', async () => {
    const other = await ada.addTask({ title: 'Empty' });
    expectErrorCode(await ada.run('AttachMedia', { input: { taskId: other, mediaIds: [mediaId] } }), 'UNAVAILABLE');
    expect(await story.graph?.countRows('task', 'task_media', `task_id = '${other}'`)).toBe(0);
  });

  it('fails an upload cleanly', async () => {
    expectErrorCode(
      await ada.upload({ filename: 'a.png', content: await smallPng(), contentType: 'image/png' }),
      'UNAVAILABLE',
    );
  });

  it('heals by itself when the service is back', async () => {
    await story.graph?.restart('media');
    for (;;) {
      const { body } = await ada.run('TaskWithMedia', { id: taskId });
      const { media } = body.data?.['task'] as { media: { edges: Array<{ node: { id: string } | null }> } };
      if (media.edges[0]?.node?.id === mediaId) break;
    }
  });
});
