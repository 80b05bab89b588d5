import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { expectData, largeJpeg, smallPng } from '@taskgraph/testkit';
import { PASSWORD, startStory, tokensOf, type Person, type Story } from '../story.js';

describe('a person hangs a picture on a task', () => {
  let story: Story;
  let ada: Person;
  let taskId: string;
  let mediaId: string;

  beforeAll(async () => {
    story = await startStory();
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('registers and is known by the token', async () => {
    ada = await story.newPerson('Ada Lovelace');
    expect(expectData(await ada.run('Me'))).toEqual({
      me: {
        id: ada.id,
        email: ada.email,
        displayName: 'Ada Lovelace',
        role: 'USER',
        createdAt: expect.stringMatching(/^20\d\d-/),
      },
    });
  });

  it('logs in again with the same password', async () => {
    const { body } = await story.run('Login', { input: { email: ada.email, password: PASSWORD } });
    const tokens = tokensOf(body, 'login');
    expect(tokens.user).toEqual({ id: ada.id, displayName: 'Ada Lovelace' });
    expect(expectData(await story.run('VerifyToken', { token: tokens.accessToken }))).toEqual({
      verifyToken: { valid: true, expiresAt: expect.any(String), user: { id: ada.id } },
    });
  });

  it('creates a task', async () => {
    const { createTask } = expectData(
      await ada.run('CreateTask', {
        input: {
          title: 'Hang the picture',
          description: 'Above the sofa.',
          priority: 'HIGH',
          labels: ['home'],
          dueAt: '2030-01-01T12:00:00.000Z',
        },
      }),
    );
    expect(createTask.task).toEqual({
      id: expect.any(String),
      title: 'Hang the picture',
      status: 'TODO',
      priority: 'HIGH',
      version: 1,
    });
    taskId = createTask.task.id;
  });

  it('uploads a photograph of over 5 MB', async () => {
    const jpeg = await largeJpeg();
    const { uploadMedia } = expectData(
      await ada.upload({ filename: 'sofa.jpg', content: jpeg, contentType: 'image/jpeg' }, { altText: 'A sofa' }),
    );
    expect(uploadMedia).toMatchObject({
      __typename: 'UploadMediaSuccess',
      media: {
        filename: 'sofa.jpg',
        mimeType: 'image/jpeg',
        byteSize: jpeg.length,
        width: 2800,
        height: 2100,
        status: 'READY',
        placeholder: expect.stringMatching(/^[A-Za-z0-9+/=]{20,60}$/),
      },
    });
    mediaId = uploadMedia.media.id;

    const original = await fetch(uploadMedia.media.url);
    expect(Buffer.from(await original.arrayBuffer()).equals(jpeg)).toBe(true);
  });

  it('attaches it, and a second time without a second attachment', async () => {
    for (let round = 0; round < 2; round += 1) {
      expect(expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } }))).toEqual({
        attachMedia: { __typename: 'AttachMediaSuccess', task: { id: taskId, media: { totalCount: 1 } } },
      });
    }
  });

  it('reads the task with its picture through one query, and the thumbnail downloads', async () => {
    const { task } = expectData(await ada.run('TaskWithMedia', { id: taskId }));
    expect(task).toMatchObject({
      id: taskId,
      title: 'Hang the picture',
      description: 'Above the sofa.',
      status: 'TODO',
      priority: 'HIGH',
      labels: ['home'],
      dueAt: '2030-01-01T12:00:00.000Z',
      owner: { id: ada.id, displayName: 'Ada Lovelace' },
      media: {
        totalCount: 1,
        edges: [
          {
            attachedBy: { id: ada.id, displayName: 'Ada Lovelace' },
            node: {
              id: mediaId,
              filename: 'sofa.jpg',
              altText: 'A sofa',
              uploadedBy: { id: ada.id, displayName: 'Ada Lovelace' },
            },
          },
        ],
        pageInfo: { hasNextPage: false },
      },
    });

    const { thumbnail } = task.media.edges[0].node;
    expect(thumbnail.mimeType).toBe('image/webp');
    const download = await fetch(thumbnail.url);
    expect(download.status).toBe(200);
    expect(download.headers.get('content-type')).toBe('image/webp');
    const image = await sharp(Buffer.from(await download.arrayBuffer())).metadata();
    expect({ format: image.format, width: image.width, height: image.height }).toEqual({
      format: 'webp',
      width: thumbnail.width,
      height: thumbnail.height,
    });
  });

  it('sees it on the board and from the other side', async () => {
    const board = expectData(await ada.run('Board'));
    expect(board.tasks.edges).toMatchObject([
      {
        node: {
          id: taskId,
          owner: { displayName: 'Ada Lovelace' },
          assignee: null,
          media: { totalCount: 1, edges: [{ node: { id: mediaId, uploadedBy: { id: ada.id } } }] },
        },
      },
    ]);

    const { media } = expectData(await ada.run('Media', { id: mediaId }));
    expect(media).toMatchObject({
      id: mediaId,
      tasks: { totalCount: 1, edges: [{ node: { id: taskId, title: 'Hang the picture' } }] },
    });
  });

  it('keeps many pictures in the order in which they were attached, and detaches one', async () => {
    const others = [await ada.addPicture(await smallPng('teal')), await ada.addPicture(await smallPng('plum'))];
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: others } }));
    const { task } = expectData(await ada.run('TaskWithMedia', { id: taskId, first: 2 }));
    expect(task.media.edges.map((edge: { node: { id: string } }) => edge.node.id)).toEqual([mediaId, others[0]]);
    expect(task.media).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });

    expect(expectData(await ada.run('DetachMedia', { input: { taskId, mediaIds: [mediaId] } }))).toEqual({
      detachMedia: { task: { id: taskId, media: { totalCount: 2 } } },
    });
  });

  it('shows the overview of a person across all services', async () => {
    expect(expectData(await ada.run('UserOverview', { id: ada.id }))).toMatchObject({
      user: {
        id: ada.id,
        displayName: 'Ada Lovelace',
        tasks: { totalCount: 1, edges: [{ node: { id: taskId, title: 'Hang the picture', status: 'TODO' } }] },
        uploads: { totalCount: 3 },
      },
    });
  });
});
