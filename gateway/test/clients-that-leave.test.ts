import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { newsroom, PUBLISHED } from './subscriptions/newsroom.js';
import { openSocket } from './subscriptions/raw-socket.js';

const CLIENTS = 10;
const LONG = { OPERATION_TIMEOUT_MS: '600000', SUBGRAPH_TIMEOUT_MS: '600000' };

/** Timers that keep a process; each operation has one for its deadline. */
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

async function counted({ url }: GatewayUnderTest, metric: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
  return [...metrics.matchAll(new RegExp(`^${metric}\\{[^}]*\\} (\\d+)$`, 'gm'))].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}
const OPERATIONS = 'taskgraph_gateway_operation_duration_seconds_count';
const ENDED = 'taskgraph_gateway_subscriptions_ended_total';

/** Asks over HTTP and leaves when `isUnderWay`. */
async function leaveHttp(
  { url }: GatewayUnderTest,
  accept: string,
  query: string,
  isUnderWay: () => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  const response = fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, connection: 'close' },
    body: JSON.stringify({ query }),
    signal: gone.signal,
  });
  await isUnderWay();
  gone.abort();
  await response.then((answer) => answer.text()).catch(() => undefined);
}

async function leaveWebSocket(
  gateway: GatewayUnderTest,
  query: string,
  isUnderWay: () => Promise<void>,
): Promise<void> {
  await using raw = await openSocket(gateway);
  raw.send({ type: 'subscribe', id: '1', payload: { query } });
  await isUnderWay();
  raw.socket.terminate();
  await raw.closed;
}

describe('a client that leaves while its operation is under way', () => {
  it.each([
    'application/json',
    'multipart/mixed;deferSpec=20220824',
    'multipart/mixed;incrementalSpec=v0.2',
    'text/event-stream',
    'websocket',
  ])('leaves no timer behind, and is measured once: %s', async (transport) => {
    let held = 0;
    let arrived: () => void = () => undefined;
    const [books, authors] = library();
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const holding = { ...books, intercept: () => ((held += 1), arrived(), true) };
    await using gateway = await startGateway([holding, authors], LONG);
    const before = timers();
    for (let client = 0; client < CLIENTS; client += 1) {
      const fetching = new Promise<void>((resolve) => (arrived = resolve));
      const query = `query { books { id a${client}: title ... @defer { author { name } } } }`;
      if (transport === 'websocket') await leaveWebSocket(gateway, query, () => fetching);
      else await leaveHttp(gateway, transport, query, () => fetching);
    }
    while ((await counted(gateway, OPERATIONS)) < CLIENTS);
    while (timers() > before + CLIENTS / 2) await nextTurn();
    expect(await counted(gateway, OPERATIONS)).toBe(CLIENTS);
    expect(held).toBe(CLIENTS);
  });
});

describe('a client that leaves', () => {
  it('is no warning, however long it has waited', async () => {
    const lines: Array<{ level: string; msg: string; outcome?: string }> = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]) };
    const log = createLog({ service: 'gateway', level: 'info', destination });
    let arrived: () => void = () => undefined;
    const [books, authors] = library();
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const holding = { ...books, intercept: () => (arrived(), true) };
    await using gateway = await startGateway([holding, authors], { ...LONG, SLOW_OPERATION_MS: '1' }, { log });
    const fetching = new Promise<void>((resolve) => (arrived = resolve));
    await leaveHttp(gateway, 'application/json', '{ books { id } }', () => fetching);
    while (!lines.some(({ msg }) => msg === 'operation')) await nextTurn();
    expect(lines.find(({ msg }) => msg === 'operation')).toMatchObject({ outcome: 'aborted' });
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
  });
});

describe('a client that leaves its subscription', () => {
  it.each(['multipart/mixed;subscriptionSpec="1.0"', 'text/event-stream', 'websocket'])(
    'leaves no timer behind, and is counted once: %s',
    async (transport) => {
      await using gateway = await startGateway(newsroom().fakes, LONG);
      const feed = gateway.subgraphs['news']?.feed;
      const isUnderWay = async () => {
        await feed?.untilActive(1);
      };
      const leave = () =>
        transport === 'websocket'
          ? leaveWebSocket(gateway, PUBLISHED, isUnderWay)
          : leaveHttp(gateway, transport, PUBLISHED, isUnderWay);
      // The first one opens what lasts, such as the sweep of streams.
      await leave();
      await feed?.untilActive(0);
      const before = timers();
      for (let client = 1; client < CLIENTS; client += 1) {
        await leave();
        await feed?.untilActive(0);
      }
      while ((await counted(gateway, ENDED)) < CLIENTS);
      while (timers() > before + CLIENTS / 2) await nextTurn();
      expect(await counted(gateway, ENDED)).toBe(CLIENTS);
    },
  );
});
