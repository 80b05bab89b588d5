import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '@taskgraph/databases';
import { encodeCursor } from '@taskgraph/service-kit';
import {
  allPlanNodes,
  buildViewer,
  expectData,
  explainStatement,
  recordStatements,
  rowsRead,
  type PlanNode,
  type SentStatement,
  type TestViewer,
} from '@taskgraph/testkit';
import { startMediaGraph, type MediaGraph } from './media-graph.js';

const FILL = readFileSync(new URL('many-media.sql', import.meta.url), 'utf8');
const OWNER = '00000000-0000-7000-8000-00000000000a';
const OTHER = '00000000-0000-7000-8000-000000000104';
const PAGE = 50;

const FIELDS =
  'id filename mimeType byteSize width height status altText placeholder url thumbnail(size: SMALL) { url }';
const PAGE_OF_MEDIA = `edges { cursor node { ${FIELDS} } } pageInfo { hasNextPage endCursor }`;

describe('with 100,000 media items of one person', () => {
  const owner = buildViewer({ userId: OWNER });
  const other = buildViewer({ userId: OTHER });
  const admin = buildViewer({ role: 'ADMIN' });
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph();
    await withClient(graph.database.url, async (client) => {
      // VACUUM takes rows for seen by all only once the log of their commit is written, for which the commits of tests do not wait.
      await client.query('SET synchronous_commit = on');
      await client.query(FILL);
      await client.query('VACUUM (ANALYZE) media_items, media_references, upload_sessions');
    });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const explain = (statement: SentStatement) => explainStatement(graph.database.url, statement);

  async function idsAt(condition: string, offset: number, count: number): Promise<string[]> {
    const { rows } = await withClient(graph.database.url, (client) =>
      client.query<{ id: string }>(
        `SELECT id FROM media_items WHERE ${condition} ORDER BY id DESC OFFSET ${offset} LIMIT ${count}`,
      ),
    );
    return rows.map(({ id }) => id);
  }

  /** What has to be true of each plan, wherever in a table its rows lie. */
  function expectIndexed(plan: PlanNode, { rows, blocks }: { rows: number; blocks: number }) {
    const nodes = allPlanNodes(plan);
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    expect(nodes.filter((node) => node['Relation Name'] === 'media_items').length).toBeGreaterThan(0);
    expect(rowsRead(plan, 'media_items')).toBeLessThanOrEqual(rows);
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThanOrEqual(blocks);
  }

  async function statementsOf(who: TestViewer, query: string, variables: Record<string, unknown> = {}) {
    const { result, statements } = await recordStatements(graph.pool, () => graph.run(who, query, variables));
    return { data: expectData(result), statements };
  }

  /** What the service reads of its items for a query. */
  async function readsOf(who: TestViewer, query: string, variables: Record<string, unknown> = {}) {
    const { data, statements } = await statementsOf(who, query, variables);
    const reads = statements.filter(({ text }) => text.includes('media_items'));
    expect(reads).toHaveLength(1);
    return { data, plan: await explain(reads[0] as SentStatement) };
  }

  it.each([
    ['the newest', 20_000],
    ['the oldest', 79_000],
  ])('reads %s of a page by their ids, for whoever may see them', async (_which, offset) => {
    const ids = await idsAt('deleted_at IS NULL', offset - 20_000, PAGE);
    for (const id of ids) graph.attached.add(id);
    const representations = ids.map((id) => ({ __typename: 'Media', id }));
    const query = `query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Media { ${FIELDS} } } }`;
    for (const who of [owner, other, admin]) {
      const { data, plan } = await readsOf(who, query, { representations });
      expect(data._entities.map((media: { id: string } | null) => media?.id)).toEqual(ids);
      expectIndexed(plan, { rows: PAGE, blocks: 300 });
    }
  });

  it('reads one by its id', async () => {
    const [id] = await idsAt(`uploader_id = '${OWNER}' AND deleted_at IS NULL`, 40_000, 1);
    const { data, plan } = await readsOf(owner, `query($id: ID!) { media(id: $id) { ${FIELDS} } }`, { id });
    expect(data.media.id).toBe(id);
    expectIndexed(plan, { rows: 1, blocks: 10 });
  });

  it('reads the first, the 500th and the last page of uploads alike, whatever was deleted', async () => {
    const query = `query($after: String) { myMedia(first: ${PAGE}, after: $after) { ${PAGE_OF_MEDIA} } }`;
    const seen = `uploader_id = '${OWNER}' AND deleted_at IS NULL`;
    const { rows } = await withClient(graph.database.url, (client) =>
      client.query<{ count: number }>(`SELECT count(*)::int AS count FROM media_items WHERE ${seen}`),
    );
    const count = rows[0]?.count ?? 0;
    expect(count).toBeGreaterThan(70_000);
    for (const offset of [0, 499 * PAGE, count - PAGE]) {
      const [before] = offset === 0 ? [] : await idsAt(seen, offset - 1, 1);
      const after = before === undefined ? null : encodeCursor([before]);
      const { data, plan } = await readsOf(owner, query, { after });
      expect(data.myMedia.edges.map(({ node }: { node: { id: string } }) => node.id)).toEqual(
        await idsAt(seen, offset, PAGE),
      );
      expectIndexed(plan, { rows: PAGE + 2, blocks: 80 });
    }
  });

  it('reads the newest uploads of users, as an administrator sees them', async () => {
    const query = `query($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on User { uploads(first: 5) { ${PAGE_OF_MEDIA} } } } }`;
    const representations = [OWNER, OTHER].map((id) => ({ __typename: 'User', id }));
    const { data, plan } = await readsOf(admin, query, { representations });
    expect(data._entities.map(({ uploads }: { uploads: { edges: unknown[] } }) => uploads.edges.length)).toEqual([
      5, 5,
    ]);
    expectIndexed(plan, { rows: 20, blocks: 60 });
  });

  it.each([
    ['counts uploads', 'myMedia(first: 1) { totalCount }', 'Query'],
    ['sums up what files take', 'storage { usedBytes }', 'User'],
  ])('%s by an index alone, and only when asked', async (_what, field, type) => {
    const representations = [{ __typename: 'User', id: OWNER }];
    const { plan } =
      type === 'Query'
        ? await readsOf(owner, `{ ${field} }`)
        : await readsOf(
            owner,
            `query($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { ${field} } } }`,
            { representations },
          );
    expect(allPlanNodes(plan).filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    const counting = allPlanNodes(plan).filter(
      (node) => node['Relation Name'] === 'media_items' && node['Actual Rows'] > PAGE,
    );
    expect(counting.map((node) => [node['Node Type'], node['Heap Fetches']])).toEqual([['Index Only Scan', 0]]);
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(1_500);
  });

  it('finds the item of a file by its id', async () => {
    const [id] = await idsAt(`uploader_id = '${OWNER}' AND deleted_at IS NULL`, 30_000, 1);
    const { data } = await statementsOf(owner, 'query($id: ID!) { media(id: $id) { url } }', { id });
    const { pathname, search } = new URL(data.media.url);
    const { result, statements } = await recordStatements(graph.pool, () =>
      fetch(new URL(`${pathname}${search}`, graph.url)),
    );
    // The row is there, and its file is not.
    expect(result.status).toBe(404);
    expect(statements).toHaveLength(1);
    expectIndexed(await explain(statements[0] as SentStatement), { rows: 1, blocks: 10 });
  });

  it('plans once what it reads by ids and in pages', async () => {
    const [id] = await idsAt(`uploader_id = '${OWNER}' AND deleted_at IS NULL`, 0, 1);
    const queries = [`{ media(id: "${id}") { id } }`, '{ myMedia(first: 1) { edges { node { id } } } }'];
    for (const query of queries) {
      const { statements } = await statementsOf(owner, query);
      expect(statements.map(({ name }) => typeof name)).toEqual(['string']);
    }
  });
});
