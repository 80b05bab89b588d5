import { expect, it } from '@jest/globals';
import { parse } from 'graphql';
import {
  clientInfoSettings,
  documentSettings,
  composeSubgraph,
  createLog,
  createMemoryLiveFeed,
  parseConfig,
  databaseSettings,
  eventSettings,
  processSettings,
  tokenSettings,
  type RequestContext,
  type SubgraphBase,
  type SubgraphOwn,
} from '@taskgraph/service-kit';
import { TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import type pg from 'pg';
import { z } from 'zod';

const config = parseConfig(
  z.object({
    ...processSettings,
    ...databaseSettings,
    ...eventSettings,
    ...tokenSettings,
    ...clientInfoSettings,
    ...documentSettings,
  }),
  { CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET },
);
const typeDefs = parse('type Query { one: Int }');
const resolvers = { Query: { one: () => 1 } };

/** Composes a subgraph on a pool that nobody connects, and notes what is closed, in order. */
function composeNoting(
  closed: string[],
  own: (base: SubgraphBase<unknown>) => SubgraphOwn<RequestContext> | Promise<never>,
) {
  const feed = createMemoryLiveFeed();
  return composeSubgraph({
    name: 'task',
    config,
    port: 0,
    operationsPort: undefined,
    databaseUrl: 'postgresql://nobody@127.0.0.1:1/none',
    createDb: () => ({
      $transaction: () => Promise.reject<never>(new Error('no database')),
      $executeRawUnsafe: () => Promise.reject<never>(new Error('no database')),
      $queryRawUnsafe: () => Promise.reject<never>(new Error('no database')),
      $connect: async () => void closed.push('(client is loaded)'),
      $disconnect: async () => void closed.push('client'),
    }),
    handlers: {},
    retention: [],
    parts: {
      log: createLog({ service: 'task', level: 'silent' }),
      transport: { bus: null, feed, close: async () => void closed.push('transport') },
      onPool(pool: pg.Pool) {
        const end = pool.end.bind(pool);
        Object.assign(pool, { end: () => end().then(() => closed.push('pool')) });
      },
    },
    own,
  });
}

it('closes what was opened last first', async () => {
  const closed: string[] = [];
  const service = await composeNoting(closed, ({ onClose, verifier }) => {
    closed.push('(own is made)');
    onClose(async () => void closed.push('own first'));
    onClose(async () => void closed.push('own second'));
    return { typeDefs, resolvers, verifier: verifier('http://127.0.0.1:1'), context: (request) => request };
  });
  await service.close();
  // Nothing of its own can ask the database before its client is loaded.
  expect(closed.splice(0, 2)).toEqual(['(client is loaded)', '(own is made)']);
  expect(closed).toEqual(['own second', 'own first', 'transport', 'client', 'pool']);
});

it('keeps what is to be closed with it, and starts what works by itself when it listens', async () => {
  const told: string[] = [];
  const named = (name: string) => ({
    start: () => void told.push(`${name} starts`),
    close: async () => void told.push(`${name} ends`),
  });
  const service = await composeNoting([], ({ keep, run, verifier }) => {
    keep(named('kept'));
    run(named('work'));
    return {
      typeDefs,
      resolvers,
      verifier: verifier('http://127.0.0.1:1'),
      context: (request) => request,
      onListen: async () => void told.push('listens'),
    };
  });
  await service.listen();
  await service.close();
  expect(told).toEqual(['listens', 'work starts', 'work ends', 'kept ends']);
});

it('closes what has been opened where the rest cannot be composed', async () => {
  const closed: string[] = [];
  const composed = composeNoting(closed, ({ onClose }) => {
    onClose(async () => void closed.push('own'));
    return Promise.reject(new Error('the data folder cannot be written'));
  });
  await expect(composed).rejects.toThrow('the data folder cannot be written');
  expect(closed).toEqual(['(client is loaded)', 'own', 'transport', 'client', 'pool']);
});
