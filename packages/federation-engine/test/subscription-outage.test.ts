import { EventEmitter, once } from 'node:events';
import { expect, it } from '@jest/globals';
import type { Log } from '../src/index.js';
import { SILENT } from '../src/request/log.js';
import { startEngine } from './start-engine.js';

const FAKE = { name: 'news', typeDefs: 'type Query { a: Int } type Subscription { news: String }' };
const LOST = 'a subscription at a subgraph is lost';

it('a subscription whose subgraph is down is told of in the log at once, and goes on when it is back', async () => {
  const told = new EventEmitter();
  const warn = (facts: object | string, text?: string) => void (text === LOST && told.emit('lost', facts));
  const log: Log = { ...SILENT, warn };
  await using engine = await startEngine([FAKE], { log });
  const { news } = engine.subgraphs;
  await news?.stop();
  const lost = once(told, 'lost');
  const events = engine.engine.subscribe({ query: 'subscription { news }' });
  const first = events.next();
  // The first failure, and none of a later try.
  expect(await lost).toEqual([{ subgraph: 'news', kind: 'retryable', err: expect.anything() }]);
  await news?.start();
  await news?.feed.untilActive(1);
  news?.feed.publish({ root: { news: 'all is well' } });
  expect((await first).value.toJSON()).toMatchObject({ data: { news: 'all is well' } });
  await events.return?.();
});

it('a subscription whose subgraph stays down ends with an error that has a code', async () => {
  await using engine = await startEngine([FAKE], { inside: { subscriptions: { retryMs: 0 } } });
  await engine.subgraphs['news']?.stop();
  const results = [];
  for await (const result of engine.engine.subscribe({ query: 'subscription { news }' })) results.push(result);
  expect(results.map(({ errors }) => errors[0]?.extensions)).toEqual([
    { code: 'UNAVAILABLE', reason: 'CONNECTION', subgraph: 'news' },
  ]);
});
