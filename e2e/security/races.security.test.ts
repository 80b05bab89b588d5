import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { withClient } from '@taskgraph/databases';
import { expectData, postGraphQL, smallPng, type GraphQLResult } from '@taskgraph/testkit';
import { startStory, until, withServers, type Person, type Story } from '../story.js';

const ROUNDS = Number(process.env['RACE_ROUNDS'] ?? 200);
/** As many as leave each service something else to do. */
const LANES = 10;
const MINUTE = 60_000;

/** What stays while everything around it is deleted: one picture at one task. */
interface Kept {
  readonly taskId: string;
  readonly mediaId: string;
}

const COUNTS = `query($taskId: ID!, $mediaId: ID!) {
  task(id: $taskId) { media { totalCount } }
  media(id: $mediaId) { tasks { totalCount } }
}`;

const codesOf = ({ body }: GraphQLResult) => (body.errors ?? []).map(({ extensions }) => extensions?.code);
const typeOf = ({ body }: GraphQLResult, field: string) =>
  (body.data?.[field] as { __typename?: string } | null | undefined)?.__typename;

withServers('attaching a picture, taking it off, deleting it and deleting its task, all at once', () => {
  let story: Story;
  beforeAll(async () => {
    story = await startStory({ withEvents: true });
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
  });

  async function rowsOf<Row extends object>(database: 'task' | 'media', query: string): Promise<Row[]> {
    const url = story.graph?.databases[database].url ?? '';
    return withClient(url, async (client) => (await client.query<Row>(query)).rows);
  }

  async function count(database: 'task' | 'media', from: string): Promise<number> {
    const [row] = await rowsOf<{ count: number }>(database, `SELECT count(*)::int AS count FROM ${from}`);
    return row?.count ?? -1;
  }

  async function keep(ada: Person, picture: Buffer): Promise<Kept> {
    const [taskId, mediaId] = await Promise.all([ada.addTask({ title: 'Kept' }), ada.addPicture(picture)]);
    const attached = await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } });
    expect(typeOf(attached, 'attachMedia')).toBe('AttachMediaSuccess');
    return { taskId, mediaId };
  }

  async function round(ada: Person, picture: Buffer, kept: Kept): Promise<void> {
    const [taskId, mediaId] = await Promise.all([ada.addTask({ title: 'Contended' }), ada.addPicture(picture)]);
    const [toTask, toKept, detached, mediaGone, taskGone] = await Promise.all([
      ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId, kept.mediaId] } }),
      ada.run('AttachMedia', { input: { taskId: kept.taskId, mediaIds: [mediaId] } }),
      ada.run('DetachMedia', { input: { taskId, mediaIds: [mediaId] } }),
      ada.run('DeleteMedia', { id: mediaId }),
      ada.run('DeleteTask', { id: taskId }),
    ]);
    // Who deletes has the last word.
    expect(mediaGone.body).toEqual({ data: { deleteMedia: { mediaId } } });
    expect(taskGone.body).toEqual({ data: { deleteTask: { taskId } } });
    // Whoever comes too late is told so, and nothing else.
    for (const answer of [toTask, toKept, detached]) for (const code of codesOf(answer)) expect(code).toBe('NOT_FOUND');
    for (const answer of [toTask, toKept])
      expect([undefined, 'AttachMediaSuccess', 'MediaNotFoundProblem']).toContain(typeOf(answer, 'attachMedia'));
  }

  it(
    'leaves nothing behind in any service, and what stays is counted right',
    async () => {
      const ada = await story.newPerson('Ada');
      const picture = await smallPng();
      const kept = await Promise.all(Array.from({ length: LANES }, () => keep(ada, picture)));
      await Promise.all(
        kept.map(async (own) => {
          for (let done = 0; done < ROUNDS / LANES; done += 1) await round(ada, picture, own);
        }),
      );
      expect(await count('media', 'media_items')).toBe(ROUNDS + LANES);
      expect(await count('media', 'media_items WHERE deleted_at IS NULL')).toBe(LANES);
      expect(await count('task', 'tasks')).toBe(LANES);

      // What one service knows of the other follows by events, each of which is handled.
      for (const database of ['task', 'media'] as const)
        await until(
          () => count(database, 'outbox WHERE published_at IS NULL'),
          (waiting) => waiting === 0,
        );
      const attachments = kept.map(({ taskId, mediaId }) => `${taskId} ${mediaId}`).sort();
      for (const [database, table] of [
        ['task', 'task_media'],
        ['media', 'media_references'],
      ] as const)
        await until(
          () =>
            rowsOf<{ pair: string }>(database, `SELECT task_id || ' ' || media_id AS pair FROM ${table} ORDER BY 1`),
          (rows) => JSON.stringify(rows.map(({ pair }) => pair)) === JSON.stringify(attachments),
        );
      for (const database of ['task', 'media'] as const) expect(await count(database, 'dead_letters')).toBe(0);
      for (const variables of kept)
        expect(
          expectData(
            await postGraphQL(story.gatewayUrl, { query: COUNTS, variables: { ...variables }, token: ada.accessToken }),
          ),
        ).toEqual({ task: { media: { totalCount: 1 } }, media: { tasks: { totalCount: 1 } } });
    },
    5 * MINUTE,
  );
});
