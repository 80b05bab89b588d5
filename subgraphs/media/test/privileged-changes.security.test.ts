import { buildSubgraphSchema } from '@apollo/subgraph';
import { describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, smallPng } from '@taskgraph/testkit';
import { typeDefs } from '../src/schema.js';
import { startMediaGraph } from './media-graph.js';

const DELETE = 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }';

/** What each mutation is told as, and how it is asked for; null where nobody can do it to what is another's. */
const CHANGES: Readonly<Record<string, null | { change: string; query: string; isDeleted?: true }>> = {
  updateMedia: {
    change: 'updated',
    query: 'mutation($id: ID!) { updateMedia(input: { id: $id, altText: "A dot" }) { media { id } } }',
  },
  deleteMedia: { change: 'deleted', query: DELETE },
  restoreMedia: {
    change: 'restored',
    query: 'mutation($id: ID!) { restoreMedia(id: $id) { media { id } } }',
    isDeleted: true,
  },
  replaceMedia: null,
  uploadMedia: null,
  createUpload: null,
  completeUpload: null,
  requestDataExport: null,
};

describe('what an administrator changes of the media of others', () => {
  it('is looked at for every mutation that there is', () => {
    const mutations = buildSubgraphSchema({ typeDefs }).getMutationType()?.getFields();
    expect(Object.keys(CHANGES).sort()).toEqual(Object.keys(mutations ?? {}).sort());
  });

  it.each(Object.entries(CHANGES).flatMap(([name, what]) => (what ? [[name, what] as const] : [])))(
    'is told of %s, with the change, and nothing where somebody does it by right or twice',
    async (name, { change, query, isDeleted = false }) => {
      await using graph = await startMediaGraph();
      const [ada, ben, admin] = [buildViewer(), buildViewer(), buildViewer({ role: 'ADMIN' })];
      const told = async () => {
        const { rows } = await graph.pool.query<{ data: unknown }>(
          "DELETE FROM outbox WHERE type = 'media.privileged-change.v1' RETURNING data",
        );
        return rows.map(({ data }) => data);
      };
      const add = async (who: typeof ada, colour: string) => {
        const id = await graph.addMedia(who, await smallPng(colour));
        if (isDeleted) expectData(await graph.run(who, DELETE, { id }));
        return id;
      };
      const [adas, own, others] = [await add(ada, 'red'), await add(admin, 'green'), await add(ada, 'blue')];
      graph.attached.add(others);
      expectData(await graph.run(ada, query, { id: others }));
      expectData(await graph.run(admin, query, { id: own }));
      await graph.run(ben, query, { id: adas });
      expect(await told()).toEqual([]);
      expectData(await graph.run(admin, query, { id: adas }));
      const facts = { actorId: admin.userId, ownerId: ada.userId, mediaId: adas, change };
      expect(await told()).toEqual([{ ...facts, ipAddress: expect.any(String), userAgent: expect.any(String) }]);
      if (name === 'updateMedia') return;
      await graph.run(admin, query, { id: adas });
      expect(await told()).toEqual([]);
    },
  );

  it.each(['', ', filename: "picture.png"', ', filename: "picture.png", altText: "A dot"', ', altText: " A dot "'])(
    'is told of no update of {id%s}, by which nothing changes',
    async (fields) => {
      await using graph = await startMediaGraph();
      const [ada, admin] = [buildViewer(), buildViewer({ role: 'ADMIN' })];
      const id = await graph.addMedia(ada, await smallPng());
      const update = (who: typeof ada, more: string) =>
        graph.run(who, `mutation($id: ID!) { updateMedia(input: { id: $id${more} }) { media { filename altText } } }`, {
          id,
        });
      const after = expectData(await update(ada, ', filename: "picture.png", altText: "A dot"')).updateMedia.media;
      expect(after).toEqual({ filename: 'picture.png', altText: 'A dot' });
      const events = async () =>
        (await graph.pool.query<{ data: unknown }>("SELECT data FROM outbox WHERE type = 'media.privileged-change.v1'"))
          .rows;
      expect(expectData(await update(admin, fields)).updateMedia.media).toEqual(after);
      expect(await events()).toEqual([]);
      expect(
        expectData(await update(admin, `${fields}, altText: null`.replace(/, altText: ".*?"/, ''))).updateMedia.media,
      ).toEqual({ ...after, altText: null });
      expect(await events()).toHaveLength(1);
    },
  );
});
