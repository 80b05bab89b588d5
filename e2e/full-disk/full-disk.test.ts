import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { canFillDisks, denserThanThumbnails, expectData, limitFiles, smallPng } from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startStory, type Person, type Story } from '../story.js';

(canFillDisks() ? describe : describe.skip)('when the disk of media is full', () => {
  let story: Story;
  let ada: Person;
  let kept: string;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
    kept = await ada.addPicture(await smallPng());
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const graph = () => {
    if (!story.graph) throw new Error('Disks are filled where the system runs.');
    return story.graph;
  };
  const fill = (maxBytes: number | null) => limitFiles(graph().pids.media, maxBytes);
  const upload = (content: Buffer) => ada.upload({ filename: 'picture.png', content, contentType: 'image/png' });

  const cases: ReadonlyArray<readonly [string, () => Promise<Buffer>, (bytes: number) => number]> = [
    ['no byte of it', smallPng, () => 0],
    // What follows its last chunk nobody who shows the picture would miss.
    [
      'all but its last byte',
      async () => Buffer.concat([await smallPng(), Buffer.alloc(200_000)]),
      (bytes) => bytes - 1,
    ],
  ];

  it.each(cases)('refuses a picture where %s fits, and keeps nothing of it', async (_what, make, roomFor) => {
    const content = await make();
    const before = await graph().storedFiles();
    fill(roomFor(content.length));
    try {
      const { body } = await upload(content);
      expect(body.data?.['uploadMedia'] ?? null).toBeNull();
      expect(body.errors).toEqual([
        expect.objectContaining({
          extensions: expect.objectContaining({ code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' }),
        }),
      ]);
      expect(await graph().storedFiles()).toEqual(before);
      expect(await graph().countRows('media', 'media_items')).toBe(1);
      // What is there is there.
      const taskId = await ada.addTask({ title: 'Make room' });
      const attached = expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds: [kept] } }));
      expect(attached.attachMedia.__typename).toBe('AttachMediaSuccess');
    } finally {
      fill(null);
    }
  });

  it('takes them when there is room again, whole', async () => {
    const content = await denserThanThumbnails();
    const id = await ada.addPicture(content);
    const stored = await readFile(path.join(graph().dataDir, 'media/objects', id, 'original'));
    const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(hashOf(stored)).toBe(hashOf(content));
  });
});
