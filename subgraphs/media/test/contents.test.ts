import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { buildViewer, expectData, smallPng } from '@taskgraph/testkit';
import { createMediaDb } from '../src/db.js';
import { openDiskStaging } from '../src/storage/disk-staging.js';
import { openLocalDiskStore } from '../src/storage/local-disk-store.js';
import { sweep, verify } from '../src/modules/upkeep/service.js';
import { startMediaGraph } from './media-graph.js';

it('the same bytes of one uploader are kept once, until the last item that has them is gone', async () => {
  await using graph = await startMediaGraph();
  const db = createMediaDb(graph.pool);
  const objects = path.join(graph.dataDir, 'media', 'objects');
  const store = await openLocalDiskStore(objects);
  const staging = await openDiskStaging(path.join(graph.dataDir, 'media', 'sessions'), store, { minFreeBytes: 0 });
  const purge = () =>
    sweep({ db, store, staging, spool: { sweep: async () => 0 } }, { minAgeMs: -60_000, deletedRetentionMs: -60_000 });
  const findings = async () => {
    const found = [];
    for await (const finding of verify({ db, store }, { minAgeMs: -60_000 })) found.push(finding);
    return found;
  };
  const [ada, ben] = [buildViewer(), buildViewer()];
  const [png, other] = [await smallPng('gold'), await smallPng('navy')];
  const show = async (id: string) => {
    const { media } = expectData(
      await graph.run(ada, 'query($id: ID!) { media(id: $id) { url status width thumbnail(size: SMALL) { url } } }', {
        id,
      }),
    ) as { media: { url: string; status: string; width: number; thumbnail: { url: string } } };
    const [original, small] = await Promise.all([fetch(media.url), fetch(media.thumbnail.url)]);
    await small.arrayBuffer();
    return { status: media.status, small: small.status, bytes: Buffer.from(await original.arrayBuffer()) };
  };
  const remove = (id: string) => graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id });

  const first = await graph.addMedia(ada, png, 'first.png');
  const second = await graph.addMedia(ada, png, 'second.png');
  const third = await graph.addMedia(ada, other);
  const ofBen = await graph.addMedia(ben, png);
  expect((await readdir(objects)).sort()).toEqual([first, third, ofBen].sort());
  expect(await show(second)).toEqual({ status: 'READY', small: 200, bytes: png });
  expect(await findings()).toEqual([]);

  // The item whose files they were goes first.
  await remove(first);
  await purge();
  expect(await show(second)).toEqual({ status: 'READY', small: 200, bytes: png });
  expect(await findings()).toEqual([]);
  const fourth = await graph.addMedia(ada, png, 'fourth.png');
  await remove(second);
  await purge();
  expect((await readdir(objects)).sort()).toEqual([first, third, ofBen].sort());
  expect((await show(fourth)).bytes).toEqual(png);
  await remove(fourth);
  await purge();
  expect((await readdir(objects)).sort()).toEqual([third, ofBen].sort());

  // Several at once, in the place of which one could be removed at any time.
  const many = await Promise.all(Array.from({ length: 5 }, () => graph.addMedia(ada, png)));
  await Promise.all([...many.slice(1).map(remove), graph.addMedia(ada, png).then((id) => many.push(id))]);
  await purge();
  for (const id of [many[0], many.at(-1)]) expect((await show(id as string)).bytes).toEqual(png);
  expect(await findings()).toEqual([]);

  // Bytes that are lost come back with who sends them again.
  await rm(path.join(objects, third), { recursive: true });
  const again = await graph.addMedia(ada, other);
  expect(await show(again)).toEqual({ status: 'READY', small: 200, bytes: other });
  await db.$disconnect();
});
