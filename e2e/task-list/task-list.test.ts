import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

interface TaskList {
  readonly edges: ReadonlyArray<{
    readonly cursor: string;
    readonly node: { readonly title: string; readonly owner: { readonly displayName: string } };
  }>;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  readonly totalCount: number;
}

describe('a person keeps a list of tasks', () => {
  let story: Story;
  let ada: Person;
  beforeAll(async () => {
    story = await startStory();
    ada = await story.newPerson('Ada');
    for (const [index, title] of ['Alpha', 'Bravo', 'Charlie', 'Delta', 'Echo'].entries()) {
      await ada.addTask({
        title,
        priority: index % 2 === 0 ? 'HIGH' : 'LOW',
        labels: index < 2 ? ['first'] : [],
        description: `Number ${index}`,
      });
    }
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const list = async (variables: Record<string, unknown>) =>
    expectData(await ada.run('Tasks', variables)).tasks as TaskList;
  const titles = ({ edges }: TaskList) => edges.map(({ node }) => node.title);

  it('filters by status, priority, label and text', async () => {
    expect(
      titles(await list({ filter: { priority: ['LOW'] }, orderBy: { field: 'TITLE', direction: 'ASC' } })),
    ).toEqual(['Bravo', 'Delta']);
    expect((await list({ filter: { label: ['first'] } })).totalCount).toBe(2);
    expect(titles(await list({ filter: { search: 'eCHO' } }))).toEqual(['Echo']);
    expect(titles(await list({ filter: { search: 'number 3' } }))).toEqual(['Delta']);
    expect((await list({ filter: { status: ['DONE'] } })).edges).toEqual([]);
  });

  it('pages through all of them without loss or repetition', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const page: TaskList = await list({ first: 2, after, orderBy: { field: 'TITLE', direction: 'DESC' } });
      seen.push(...titles(page));
      expect(page.totalCount).toBe(5);
      if (!page.pageInfo.hasNextPage) break;
      after = page.pageInfo.endCursor;
    }
    expect(seen).toEqual(['Echo', 'Delta', 'Charlie', 'Bravo', 'Alpha']);
  });

  it('names the owner of each, who lives in another service', async () => {
    expect((await list({})).edges.every(({ node }) => node.owner.displayName === 'Ada')).toBe(true);
  });

  it('tells a writer that was too late what the task is now', async () => {
    const id = await ada.addTask({ title: 'Twice' });
    const first = expectData(
      await ada.run('UpdateTask', { input: { id, expectedVersion: 1, status: 'IN_PROGRESS' } }),
    ).updateTask;
    expect(first).toMatchObject({ __typename: 'UpdateTaskSuccess', task: { status: 'IN_PROGRESS', version: 2 } });
    const second = expectData(
      await ada.run('UpdateTask', { input: { id, expectedVersion: 1, status: 'DONE' } }),
    ).updateTask;
    expect(second).toEqual({
      __typename: 'StaleVersionProblem',
      message: expect.any(String),
      current: { id, version: 2 },
    });
    expect(expectData(await ada.run('DeleteTask', { id }))).toEqual({ deleteTask: { taskId: id } });
    expectErrorCode(await ada.run('TaskWithMedia', { id }), 'NOT_FOUND');
  });

  it('refuses what makes no sense, with a code', async () => {
    expectErrorCode(await ada.run('CreateTask', { input: { title: '   ' } }), 'BAD_USER_INPUT');
    expectErrorCode(await ada.run('CreateTask', { input: { title: 'x'.repeat(201) } }), 'BAD_USER_INPUT');
    expectErrorCode(await ada.run('Tasks', { first: 101 }), 'BAD_USER_INPUT');
    expectErrorCode(await ada.run('Tasks', { first: 100_000 }), 'COST_ESTIMATED_TOO_EXPENSIVE');
    expectErrorCode(await ada.run('Tasks', { after: 'garbage' }), 'BAD_USER_INPUT');
    expectErrorCode(await ada.run('CreateTask', { input: { title: 'x', status: 'NOWHERE' } }), 'BAD_USER_INPUT');
  });
});
