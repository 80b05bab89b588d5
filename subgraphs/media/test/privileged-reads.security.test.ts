import { describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, smallPng } from '@taskgraph/testkit';
import { startMediaGraph } from './media-graph.js';

describe('what an administrator sees of the media of others', () => {
  it.each([
    ['reads it', 'query($id: ID!) { media(id: $id) { filename } }', false],
    ['restores it', 'mutation($id: ID!) { restoreMedia(id: $id) { media { filename url } } }', true],
    ['restores what is not deleted', 'mutation($id: ID!) { restoreMedia(id: $id) { media { filename url } } }', false],
  ])('is told where somebody %s, and nothing of what is theirs', async (_what, query, isDeleted) => {
    await using graph = await startMediaGraph();
    const [ada, admin] = [buildViewer(), buildViewer({ role: 'ADMIN' })];
    const told = async () => {
      const { rows } = await graph.pool.query<{ data: unknown }>(
        "DELETE FROM outbox WHERE type = 'media.privileged-read.v1' RETURNING data",
      );
      return rows.map(({ data }) => data);
    };
    const [adas, own] = [
      await graph.addMedia(ada, await smallPng()),
      await graph.addMedia(admin, await smallPng('red')),
    ];
    const remove = 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }';
    if (isDeleted)
      for (const [who, id] of [
        [ada, adas],
        [admin, own],
      ] as const)
        expectData(await graph.run(who, remove, { id }));
    expectData(await graph.run(admin, query, { id: own }));
    expect(await told()).toEqual([]);
    expectData(await graph.run(admin, query, { id: adas }));
    expect(await told()).toEqual([
      {
        actorId: admin.userId,
        subjects: [{ kind: 'media', id: adas }],
        ipAddress: expect.any(String),
        userAgent: expect.any(String),
      },
    ]);
  });
});
