import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuid7, type EventEnvelope } from '@taskgraph/contracts';
import { createLog, createMemoryEventBus, type EventBus } from '@taskgraph/service-kit';
import { expectData } from '@taskgraph/testkit';
import { namedBy } from '../src/event-invalidation.js';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';

function event(source: EventEnvelope['source'], data: unknown): EventEnvelope {
  const time = new Date().toISOString();
  return { id: uuid7(), type: `${source}.happened.v1`, source, subject: 'x', sequence: '1', time, data };
}

describe('an event', () => {
  it('names entities by the members of its data, and lists by its source', () => {
    const data = { taskId: 't', mediaIds: ['m', 'n'], version: 3, ownerId: null, attachedAt: 'now' };
    expect(namedBy(event('task', data))).toEqual({
      entities: [
        { typename: 'Task', id: 't' },
        { typename: 'Media', id: 'm' },
        { typename: 'Media', id: 'n' },
      ],
      types: [],
      lists: ['task'],
    });
    expect(namedBy(event('auth', null))).toEqual({ entities: [], types: [], lists: ['auth'] });
  });
});

describe('the entity cache', () => {
  const titles = new Map([
    ['1', 'One'],
    ['2', 'Two'],
  ]);
  const fakes: FakeSubgraph[] = [
    {
      name: 'media',
      typeDefs: `${LINK} type Query { media: [Media!]! } type Media @key(fields: "id") { id: ID! tasks: [Task!]! } type Task @key(fields: "id", resolvable: false) { id: ID! }`,
      resolvers: { Query: { media: () => [{ id: 'm', tasks: [{ id: '1' }, { id: '2' }] }] } },
    },
    {
      name: 'task',
      typeDefs: `${LINK} type Query { tasks: [Task!]! } type Task @key(fields: "id") { id: ID! title: String! }`,
      resolvers: {
        Query: { tasks: () => [...titles].map(([id, title]) => ({ id, title })) },
        Task: { __resolveReference: ({ id }: { id: string }) => ({ id, title: titles.get(id) }) },
      },
      intercept: (_request, response) => {
        response.setHeader('cache-control', 'max-age=300, public');
        return false;
      },
    },
  ];
  let bus: EventBus;
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    bus = createMemoryEventBus({ log: createLog({ service: 'events', level: 'silent' }) });
    gateway = await startGateway(fakes, {}, { bus });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await bus.close();
  });

  const fetched = () => gateway.subgraphs['task']?.requests.splice(0).map(({ variables }) => variables) ?? [];
  const below = async () => {
    const { media } = expectData(await gateway.run('{ media { tasks { title } } }'));
    return (media as Array<{ tasks: Array<{ title: string }> }>)[0]?.tasks.map(({ title }) => title);
  };
  const list = async () => {
    const { tasks } = expectData(await gateway.run('{ tasks { title } }'));
    return (tasks as Array<{ title: string }>).map(({ title }) => title);
  };
  /** An ephemeral group has no word in what counts as published. */
  const heard = async (count: number) => {
    const pattern = /entity_cache_changes_total\{[^}]*\} (\d+)/g;
    for (;;) {
      const text = await (await fetch(`${gateway.url}/metrics`)).text();
      if ([...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0) >= count) return;
    }
  };

  it('forgets what an event names, and lists of its service, and nothing else', async () => {
    expect([await below(), await below()]).toEqual([
      ['One', 'Two'],
      ['One', 'Two'],
    ]);
    expect([await list(), await list()]).toEqual([
      ['One', 'Two'],
      ['One', 'Two'],
    ]);
    expect(fetched()).toHaveLength(2);

    // Somebody has changed it past this gateway.
    titles.set('1', 'Eins');
    await bus.publish([event('task', { taskId: '1' })]);
    await heard(1);
    expect(await below()).toEqual(['Eins', 'Two']);
    expect(await list()).toEqual(['Eins', 'Two']);
    expect(fetched()).toEqual([{ representations: [{ __typename: 'Task', id: '1' }] }, {}]);

    await bus.publish([event('auth', { userId: '2' })]);
    await heard(2);
    await below();
    await list();
    expect(fetched()).toEqual([]);
  });
});
