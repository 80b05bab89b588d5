import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, postIncremental, smallPng, type AnswerPart } from '@taskgraph/testkit';
import { operation } from '../operations.js';
import { startStory, type Person, type Story } from '../story.js';

/** The contract's query with the pictures put off. */
const DEFERRED = operation('TaskWithMedia')
  .replace('media(first: $first) {', '... @defer(label: "pictures") { media(first: $first) {')
  .replace(/\}\s*\}\s*$/, '} } }');

describe('somebody opens a task while the media service is slow', () => {
  let story: Story;
  let ada: Person;
  let taskId: string;
  let mediaId: string;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
    taskId = await ada.addTask({ title: 'Hang the picture' });
    mediaId = await ada.addPicture(await smallPng());
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }));
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('shows the task at once, and the pictures when they are there', async () => {
    const media = story.graph?.pids.media ?? 0;
    // The process is there and keeps its connections, but answers nothing.
    process.kill(media, 'SIGSTOP');
    const parts: AnswerPart[] = [];
    try {
      const request = { query: DEFERRED, variables: { id: taskId }, token: ada.accessToken };
      for await (const part of postIncremental(story.gatewayUrl, request)) {
        parts.push(part);
        if (parts.length === 1) process.kill(media, 'SIGCONT');
      }
    } finally {
      process.kill(media, 'SIGCONT');
    }
    expect(parts[0]).toMatchObject({
      data: { task: { title: 'Hang the picture', owner: { displayName: 'Ada' } } },
      hasNext: true,
    });
    expect(parts[0]?.data?.['task']).not.toHaveProperty('media');
    expect(parts[1]).toMatchObject({
      incremental: [
        {
          label: 'pictures',
          path: ['task'],
          data: { media: { totalCount: 1, edges: [{ node: { id: mediaId, thumbnail: { mimeType: 'image/webp' } } }] } },
        },
      ],
      hasNext: false,
    });
    expect(parts).toHaveLength(2);
  });
});
