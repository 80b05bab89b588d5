import { describe, expect, it } from '@jest/globals';
import { createLog, type Log } from '@taskgraph/service-kit';
import { buildViewer, cloneDatabase, expectData, startTcpProxy } from '@taskgraph/testkit';
import { startTaskGraph } from './task-graph.js';

const CREATE = 'mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }';
const TITLES = '{ tasks { edges { node { title } } } }';
/** What a read waits for at most: two seconds more than the statement is given. */
const SETTINGS = { DB_STATEMENT_TIMEOUT_MS: '1000', DB_CONNECT_TIMEOUT_MS: '3000' };

/** A log whose lines are kept. */
function keptLog(): { log: Log; lines: Array<Record<string, unknown>> } {
  const lines: Array<Record<string, unknown>> = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: createLog({ service: 'task', level: 'info', destination: { write } }), lines };
}

/** Starts the subgraph behind a proxy. */
async function startBehindProxy() {
  const database = await cloneDatabase('task');
  const proxy = await startTcpProxy(database.url);
  const { log, lines } = keptLog();
  const graph = await startTaskGraph(
    SETTINGS,
    { database: { ...database, url: proxy.url }, mediaStatus: new Map() },
    { log },
  );
  return {
    graph,
    proxy,
    lines,
    async [Symbol.asyncDispose]() {
      proxy.thaw();
      await graph[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await database.drop();
    },
  };
}

describe('a PostgreSQL that hangs', () => {
  it('costs requests UNAVAILABLE, the log no defect, and nothing once it goes on', async () => {
    await using system = await startBehindProxy();
    const { graph, proxy, lines } = system;
    const ada = buildViewer();
    await graph.addTask(ada, { title: 'before' });

    proxy.freeze();
    const answers = await Promise.all([
      graph.run(ada, TITLES),
      graph.run(ada, CREATE, { input: { title: 'meanwhile' } }),
      graph.run(ada, 'query($id: ID!) { task(id: $id) { id } }', { id: ada.userId }),
    ]);
    for (const { body } of answers)
      expect(body.errors?.map(({ extensions }) => extensions)).toEqual([
        { code: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE', subgraph: 'task' },
      ]);
    expect(lines.filter(({ msg }) => msg === 'defect')).toEqual([]);

    proxy.thaw();
    expect(expectData(await graph.run(ada, CREATE, { input: { title: 'after' } })).createTask.task.id).toBeTruthy();
    const { tasks } = expectData(await graph.run(ada, TITLES));
    expect(tasks.edges.map((edge: { node: { title: string } }) => edge.node.title)).toEqual(['after', 'before']);
  });

  it.each([
    ['has begun a transaction', /BEGIN/],
    ['has written a row', /INSERT INTO "public"\."tasks"/],
    ['has written its event', /INSERT INTO outbox/],
  ])('leaves nothing half when it %s, and nobody else goes on with it', async (_what, pattern) => {
    await using system = await startBehindProxy();
    const { graph, proxy, lines } = system;
    const ada = buildViewer();
    await graph.addTask(ada, { title: 'before' });

    const frozen = proxy.freezeAfter(pattern);
    const lost = graph.run(ada, CREATE, { input: { title: 'lost' } });
    await frozen;
    const { errors } = (await lost).body;
    expect(errors).toHaveLength(1);
    expect(['UNAVAILABLE', 'DEADLINE_EXCEEDED']).toContain(errors?.[0]?.extensions?.code);
    proxy.thaw();

    // Connections of the pool in turn: one of them would still be in the transaction that was given up.
    for (let round = 0; round < 12; round += 1) await graph.addTask(ada, { title: `after ${round}` });
    const { rows } = await graph.pool.query<{ title: string }>(`SELECT title FROM tasks WHERE title = 'lost'`);
    expect(rows).toEqual([]);
    expect(lines.filter(({ msg }) => msg === 'defect')).toEqual([]);
  });
});
