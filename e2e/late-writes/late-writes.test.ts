import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, postGraphQL, type GraphQLResult, type SpawnedGraph } from '@taskgraph/testkit';
import { operation } from '../operations.js';
import { startStory, type Person, type Story } from '../story.js';

/** How long the gateway waits for the task service, and what a deadline is stretched by. */
const TIMEOUT_MS = 4_000;
const TOLERANCE_MS = 1_000;
/** Less than a statement may take, and long enough for a change that is asked for three seconds later. */
const LONGER_MS = TIMEOUT_MS + TOLERANCE_MS + 3_000;

describe('a change whose client was told that it failed', () => {
  let story: Story;
  let graph: SpawnedGraph;
  let ada: Person;
  let taskId: string;
  beforeAll(async () => {
    story = await startStory({
      settings: { TASK_TIMEOUT_MS: String(TIMEOUT_MS), SUBGRAPH_BREAKER_ERROR_PERCENTAGE: '100' },
    });
    graph = story.graph as SpawnedGraph;
    ada = await story.newPerson('Ada');
    taskId = await ada.addTask({ title: 'As it was' });
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  /** Waits until the task service has said what became of a request. */
  async function untilSettled({ request: { requestId } }: GraphQLResult): Promise<void> {
    while (!graph.logs('task').some((line) => line.includes(requestId))) await delay(25);
  }

  it('is not made when the process that was stopped goes on', async () => {
    process.kill(graph.pids.task, 'SIGSTOP');
    const answer = await ada.run('CreateTask', { input: { title: 'Too late' } });
    expect(expectErrorCode(answer, 'UNAVAILABLE').extensions?.reason).toBe('TIMEOUT');
    await delay(TOLERANCE_MS + 500);
    process.kill(graph.pids.task, 'SIGCONT');
    await untilSettled(answer);
    expect(await graph.countRows('task', 'tasks', "title = 'Too late'")).toBe(0);
  });

  it('is not committed when it has waited for a lock until then', async () => {
    const held = graph.runSql(
      'task',
      `BEGIN; SELECT id FROM tasks WHERE id = '${taskId}' FOR UPDATE; SELECT pg_sleep(${LONGER_MS / 1_000}); COMMIT`,
    );
    while ((await graph.countRows('task', 'pg_stat_activity', "wait_event = 'PgSleep'")) === 0) await delay(25);
    const answer = await ada.run('UpdateTask', { input: { id: taskId, expectedVersion: 1, title: 'Too late' } });
    expect(expectErrorCode(answer, 'UNAVAILABLE').extensions?.reason).toBe('TIMEOUT');
    await held;
    await untilSettled(answer);
    expect(await graph.countRows('task', 'tasks', `id = '${taskId}' AND title = 'As it was'`)).toBe(1);
    expect(await graph.countRows('task', 'outbox', "type LIKE 'task.updated%'")).toBe(0);
  });

  it.each([
    ['in time', () => String(Date.now() + 60_000), true],
    ['a little late, as another clock tells it', () => String(Date.now() - 1), true],
    ['late', () => String(Date.now() - LONGER_MS), false],
    ['unreadable, which says nothing', () => '12 o’clock'.replaceAll('’', "'"), true],
  ])('asked of the service itself: %s', async (name, deadline, isMade) => {
    const answer = await postGraphQL(graph.urls.task, {
      query: operation('CreateTask').replace(/\bowner \{[^}]*\}|\bassignee \{[^}]*\}/g, ''),
      variables: { input: { title: name } },
      token: ada.accessToken,
      headers: { 'x-request-deadline': deadline() },
    });
    if (isMade) expectData(answer);
    else expectErrorCode(answer, 'DEADLINE_EXCEEDED');
    expect(await graph.countRows('task', 'tasks', `title = '${name}'`)).toBe(isMade ? 1 : 0);
  });

  it('is asked again, and made once', async () => {
    expectData(await ada.run('UpdateTask', { input: { id: taskId, expectedVersion: 1, title: 'In time' } }));
    expect(await graph.countRows('task', 'tasks', `id = '${taskId}' AND title = 'In time' AND version = 2`)).toBe(1);
  });
});
