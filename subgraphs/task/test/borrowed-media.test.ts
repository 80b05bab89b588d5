import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, uuid7, type TestViewer } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const ATTACH = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
const DETACH = 'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { id } } }';
const ASSIGN = `mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename
  ... on UpdateTaskSuccess { task { version } } } }`;
const SHOWN = 'query($ids: [ID!]!) { mediaOnVisibleTasks(ids: $ids) }';

describe('media of somebody else', () => {
  let graph: TaskGraph;
  beforeAll(async () => {
    graph = await startTaskGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const uploadedBy = (who: TestViewer) => {
    const id = uuid7();
    graph.mediaStatus.set(id, 'READY');
    graph.mediaUploaders.set(id, who.userId);
    return id;
  };
  const attach = async (who: TestViewer, taskId: string, mediaId: string) =>
    expectData(await graph.run(who, ATTACH, { input: { taskId, mediaIds: [mediaId] } })).attachMedia.__typename;
  const detach = async (who: TestViewer, taskId: string, mediaId: string) =>
    expectData(await graph.run(who, DETACH, { input: { taskId, mediaIds: [mediaId] } }));
  const assign = async (owner: TestViewer, id: string, assignee: TestViewer | null) => {
    const { task } = expectData(await graph.run(owner, 'query($id: ID!) { task(id: $id) { version } }', { id }));
    const input = { id, expectedVersion: task.version, assigneeId: assignee?.userId ?? null };
    expect(expectData(await graph.run(owner, ASSIGN, { input })).updateTask.__typename).toBe('UpdateTaskSuccess');
  };
  const sees = async (who: TestViewer, mediaId: string): Promise<boolean> =>
    expectData(await graph.run(who, SHOWN, { ids: [mediaId] })).mediaOnVisibleTasks.includes(mediaId);

  async function lent() {
    const [owner, borrower, friend] = [buildViewer(), buildViewer(), buildViewer()];
    const picture = uploadedBy(owner);
    const task = await graph.addTask(owner, { assigneeId: borrower.userId });
    await attach(owner, task, picture);
    const own = await graph.addTask(borrower, { assigneeId: friend.userId });
    expect(await attach(borrower, own, picture)).toBe('AttachMediaSuccess');
    expect(await sees(friend, picture)).toBe(true);
    return { owner, borrower, friend, picture, task, own };
  }

  it('are lost with the task that they were seen on, by all to whom they were passed on, and come back with it', async () => {
    const { owner, borrower, friend, picture, task } = await lent();
    const further = buildViewer();
    const third = await graph.addTask(friend, { assigneeId: further.userId });
    await attach(friend, third, picture);
    expect(await sees(further, picture)).toBe(true);

    await assign(owner, task, null);
    for (const who of [borrower, friend, further]) expect(await sees(who, picture)).toBe(false);
    expect(await sees(owner, picture)).toBe(true);

    await assign(owner, task, borrower);
    for (const who of [borrower, friend, further]) expect(await sees(who, picture)).toBe(true);
  });

  it.each([
    [
      'it is taken off the task',
      ({ owner, task, picture }: Awaited<ReturnType<typeof lent>>) => detach(owner, task, picture),
    ],
    [
      'the task is deleted',
      async ({ owner, task }: Awaited<ReturnType<typeof lent>>) =>
        expectData(await graph.run(owner, 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }', { id: task })),
    ],
  ])('are lost when %s', async (_what, lose) => {
    const lending = await lent();
    await lose(lending);
    for (const who of [lending.borrower, lending.friend]) expect(await sees(who, lending.picture)).toBe(false);
  });

  it('are not kept by attachments that lean on each other', async () => {
    const { owner, borrower, friend, picture, task, own } = await lent();
    const back = await graph.addTask(friend, { assigneeId: borrower.userId });
    await attach(friend, back, picture);
    await attach(borrower, own, picture);
    await assign(owner, task, null);
    for (const who of [borrower, friend]) expect(await sees(who, picture)).toBe(false);
  });

  it('are shown for good by their uploader, and by an administrator', async () => {
    const { owner, borrower, friend, picture, task, own } = await lent();
    const admin = buildViewer({ role: 'ADMIN' });
    const other = await graph.addTask(borrower);
    await attach(borrower, other, picture);
    await attach(admin, own, picture);
    await detach(owner, task, picture);
    expect(await sees(friend, picture)).toBe(true);
    expect(await sees(borrower, picture)).toBe(true);

    const again = await lent();
    await assign(again.borrower, again.own, again.owner);
    await attach(again.owner, again.own, again.picture);
    await detach(again.owner, again.task, again.picture);
    expect(await sees(again.borrower, again.picture)).toBe(true);
  });

  it('are shown as a slow reference says, whatever happens in whatever order', async () => {
    const people = [buildViewer(), buildViewer(), buildViewer(), buildViewer()] as const;
    const picture = uploadedBy(people[0]);
    const tasks: Array<{ id: string; owner: TestViewer; assignee: TestViewer | null }> = [];
    for (const owner of people) tasks.push({ id: await graph.addTask(owner), owner, assignee: null });
    const attachments = new Map<string, TestViewer>();
    const seesTask = (who: TestViewer, { owner, assignee }: (typeof tasks)[number]) =>
      who === owner || who === assignee;
    /** Who sees the picture by a task, from its uploader outwards until nothing changes. */
    const reference = () => {
      const shown = new Set<string>();
      for (let before = -1; before !== shown.size;) {
        before = shown.size;
        for (const [taskId, by] of attachments)
          if (by === people[0] || tasks.some((task) => shown.has(task.id) && seesTask(by, task))) shown.add(taskId);
      }
      return people.map((who) => tasks.some((task) => shown.has(task.id) && seesTask(who, task)));
    };
    let seed = 7;
    const pick = <Item>(items: readonly Item[]): Item => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return items[Math.floor((seed / 2 ** 31) * items.length)] as Item;
    };
    for (let step = 0; step < 80; step += 1) {
      const task = pick(tasks);
      const who = pick(people);
      switch (pick(['attach', 'attach', 'assign', 'assign', 'detach'] as const)) {
        case 'attach':
          if (!seesTask(who, task) || (who !== people[0] && !reference()[people.indexOf(who)])) break;
          await attach(who, task.id, picture);
          if (!attachments.has(task.id) || who === people[0]) attachments.set(task.id, who);
          break;
        case 'assign':
          task.assignee = pick([null, ...people.filter((person) => person !== task.owner)]);
          await assign(task.owner, task.id, task.assignee);
          break;
        case 'detach':
          await detach(task.owner, task.id, picture);
          attachments.delete(task.id);
      }
      expect([step, await Promise.all(people.map((person) => sees(person, picture)))]).toEqual([step, reference()]);
    }
  });
});
