import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, smallPng, type SpawnedGraph, type SubgraphName } from '@taskgraph/testkit';
import { PASSWORD, startStory, until, withServers, type Person, type Story } from '../story.js';
import { tablesOf, TREATMENTS } from './personal-data.js';

const SERVICES: readonly SubgraphName[] = ['auth', 'task', 'media'];

/** By table, how many rows have one of these words anywhere. */
async function rowsThatName(graph: SpawnedGraph, words: readonly string[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const service of SERVICES)
    for (const table of tablesOf(service)) {
      const where = words.map((word) => `"${table}"::text ILIKE '%${word}%'`).join(' OR ');
      counts[`${service}.${table}`] = await graph.countRows(service, table, where);
    }
  return counts;
}

it('knows of each table what becomes of its rows when an account is deleted', () => {
  const tables = SERVICES.flatMap((service) => tablesOf(service).map((table) => `${service}.${table}`));
  expect(Object.keys(TREATMENTS).sort()).toEqual(tables.sort());
});

withServers('deleting an account', () => {
  let story: Story;
  let graph: SpawnedGraph;
  let ada: Person;
  let ben: Person;
  let own: string;
  let given: string;
  let mediaIds: string[];

  const isComplete = () => graph.countRows('auth', 'erasures', 'completed_at IS NOT NULL AND user_id IS NULL');

  beforeAll(async () => {
    story = await startStory({ withEvents: true });
    graph = story.graph as SpawnedGraph;
    [ada, ben] = [await story.newPerson('Ada Lovelace'), await story.newPerson('Ben')];
    mediaIds = [await ada.addPicture(await smallPng()), await ada.addPicture(await smallPng('gold'), 'gold.png')];
    own = await ada.addTask({ title: 'Notes on the engine', assigneeId: ben.id, idempotencyKey: 'one' });
    given = await ben.addTask({ title: "Ben's", assigneeId: ada.id });
    const bens = await ben.addPicture(await smallPng('green'));
    await ben.run('AttachMedia', { input: { taskId: given, mediaIds: [bens] } });
    for (const taskId of [own, given]) expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds } }));
    await until(
      () => graph.countRows('media', 'media_references'),
      (count) => count === 5,
    );
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('wants the password, and changes nothing without it', async () => {
    const { deleteMyAccount } = expectData(await ada.run('DeleteMyAccount', { password: 'wrong horse' }));
    expect(deleteMyAccount).toMatchObject({ __typename: 'InvalidCredentialsProblem' });
    expect(expectData(await ada.run('Me')).me.id).toBe(ada.id);
    expectErrorCode(await story.run('DeleteMyAccount', { password: PASSWORD }), 'UNAUTHENTICATED');
  });

  it('is pending as long as a service is down, ends all sessions at once, and is complete when it is back', async () => {
    const other = expectData(await story.run('Login', { input: { email: ada.email, password: PASSWORD } }));
    await graph.kill('media');
    const { deleteMyAccount } = expectData(await ada.run('DeleteMyAccount', { password: PASSWORD }));
    expect(deleteMyAccount).toEqual({ __typename: 'DeleteMyAccountSuccess', userId: ada.id });
    for (const token of [ada.accessToken, other.login.accessToken])
      await until(
        () => story.run('Board', {}, { authorization: `Bearer ${token}` }),
        ({ body }) => body.errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED') === true,
      );
    for (const refreshToken of [ada.refreshToken, other.login.refreshToken])
      expect(expectData(await story.run('RefreshSession', { refreshToken })).refreshSession.__typename).toBe(
        'InvalidRefreshTokenProblem',
      );
    const { login } = expectData(await story.run('Login', { input: { email: ada.email, password: PASSWORD } }));
    expect(login.__typename).toBe('InvalidCredentialsProblem');

    await until(
      () => graph.countRows('auth', 'erasures', `user_id = '${ada.id}' AND awaiting = '{media}'`),
      (count) => count === 1,
    );
    await graph.restart('media');
    await until(isComplete, (count) => count === 1);
  });

  it('leaves no file and no row that names them, but for what is kept for a reason', async () => {
    const files = await graph.storedFiles();
    for (const id of mediaIds) expect(files.filter((file) => file.includes(id))).toEqual([]);
    expect(files.filter((file) => file.includes('incoming'))).toEqual([]);
    // What media tells of its items comes behind.
    await until(
      () => graph.countRows('media', 'media_references'),
      (count) => count === 1,
    );
    const counts = await rowsThatName(graph, [ada.id, ada.email, 'Lovelace', 'Notes on the engine']);
    const found = Object.entries(counts).filter(([table, count]) => count > 0 && TREATMENTS[table]?.kind !== 'kept');
    expect(found).toEqual([]);
  });

  it('leaves tasks of others as they were, with nobody in the place of who has gone', async () => {
    const { tasks } = expectData(await ben.run('Board'));
    expect(tasks.edges).toMatchObject([{ node: { id: given, assignee: null, media: { totalCount: 1 } } }]);
    expect(expectData(await ben.run('TaskWithMedia', { id: given })).task).toMatchObject({
      title: "Ben's",
      media: { edges: [{ attachedBy: { displayName: 'Ben' } }] },
    });
    expectErrorCode(await ben.run('TaskWithMedia', { id: own }), 'NOT_FOUND');
    expectErrorCode(await ben.run('UserOverview', { id: ada.id }), 'NOT_FOUND');
  });

  it('lets the address be used for another account', async () => {
    const input = { email: ada.email, password: PASSWORD, displayName: 'Ada again' };
    expect(expectData(await story.run('Register', { input })).register.__typename).toBe('AuthPayload');
  });
});
