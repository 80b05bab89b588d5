import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { largeJpeg, type SpawnedGraph } from '@taskgraph/testkit';
import { Upload } from 'tus-js-client';
import { startStory, type Person, type Story } from '../story.js';

const KIB = 1024;

describe('a large file is sent in parts', () => {
  let story: Story;
  let ada: Person;
  let graph: SpawnedGraph;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
    graph = story.graph as SpawnedGraph;
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
  });

  const complete = async (id: string) =>
    ((await ada.run('CompleteUpload', { id })).body.data as { completeUpload: Record<string, unknown> }).completeUpload;

  it('goes on after media was killed in the middle, and arrives as it was', async () => {
    const bytes = await largeJpeg();
    const input = {
      filename: 'lake.jpg',
      byteSize: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    };
    const { body } = await ada.run('CreateUpload', { input });
    const { upload } = (body.data as { createUpload: { upload: { id: string; url: string; protocol: string } } })
      .createUpload;
    expect(upload.protocol).toBe('TUS');

    const before = { restarted: null as Promise<unknown> | null, offset: 0 };
    const offsets: number[] = [];
    await new Promise<void>((resolve, reject) => {
      const sending = new Upload(bytes, {
        uploadUrl: upload.url,
        chunkSize: 256 * KIB,
        retryDelays: Array.from({ length: 60 }, () => 250),
        onError: reject,
        onSuccess: () => resolve(),
        onChunkComplete(_size, accepted) {
          offsets.push(accepted);
          if (before.restarted || accepted < bytes.length / 3) return;
          before.offset = accepted;
          before.restarted = graph.kill('media', 'SIGKILL').then(() => graph.restart('media'));
        },
      });
      sending.start();
    });
    await before.restarted;
    expect(before.offset).toBeGreaterThan(0);
    // What was acknowledged is not sent again.
    expect(offsets).toEqual([...offsets].sort((one, other) => one - other));

    const [completed, again] = await Promise.all([complete(upload.id), complete(upload.id)]);
    expect(again['__typename']).toBe('UploadMediaSuccess');
    expect(completed).toMatchObject({
      __typename: 'UploadMediaSuccess',
      media: { id: upload.id, filename: 'lake.jpg', mimeType: 'image/jpeg', byteSize: bytes.length },
    });
    expect(await graph.countRows('media', 'media_items')).toBe(1);
    expect(await graph.countRows('media', 'upload_sessions')).toBe(0);
    const { body: found } = await ada.run('Media', { id: upload.id });
    const { url } = (found.data as { media: { url: string } }).media;
    const downloaded = Buffer.from(await (await fetch(url, { headers: { connection: 'close' } })).arrayBuffer());
    expect(createHash('sha256').update(downloaded).digest('hex')).toBe(input.sha256);
  }, 180_000);
});
