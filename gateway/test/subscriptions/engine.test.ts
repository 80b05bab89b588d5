import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { signTestToken, sumOfMetric } from '@taskgraph/testkit';
import { startGateway, type GatewayUnderTest } from '../fake-subgraphs.js';
import type { FakeFeed } from '../fake-subgraphs.js';
import { connectClient, news, newsroom, PUBLISHED, type Newsroom } from './newsroom.js';

describe('a subscription', () => {
  let room: Newsroom;
  let gateway: GatewayUnderTest;
  let feed: FakeFeed;
  beforeAll(async () => {
    room = newsroom();
    gateway = await startGateway(room.fakes);
    feed = gateway.subgraphs['news']!.feed;
  });
  beforeEach(async () => feed.untilActive(0));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('brings each event with what two other subgraphs know of it', async () => {
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    feed.publish(news('1', { eventId: 'e1' }));
    feed.publish(news('2', { eventId: 'e2', author: 'b' }));
    expect(await results.next()).toEqual({
      data: { published: { id: '1', title: 'Title 1', author: { name: 'Ada' }, stars: 1 } },
      extensions: { eventId: 'e1' },
    });
    expect(await results.next()).toEqual({
      data: { published: { id: '2', title: 'Title 2', author: { name: 'Bob' }, stars: 2 } },
      extensions: { eventId: 'e2' },
    });
    results.stop();
  });

  it('is subscribed to with its variables, the token as it came and a request id', async () => {
    const token = signTestToken();
    await using client = connectClient(gateway, { token });
    const results = client.subscribe('subscription P($t: String) { published(topic: $t) { id } }', {
      variables: { t: 'cats' },
    });
    await feed.untilActive(1);
    const [{ variables, operationName, init, lastEventId }] = feed.active() as [never];
    expect({ variables, lastEventId, init }).toEqual({
      variables: { t: 'cats' },
      lastEventId: undefined,
      init: { authorization: `Bearer ${token}`, [REQUEST_ID_HEADER]: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    expect(operationName).toMatch(/^P/);
    feed.publish(news('1'));
    // Nothing is made up where the subgraph numbers no events.
    expect(await results.next()).toEqual({ data: { published: { id: '1' } } });
    results.stop();
  });

  it('loses a field and not the event when one of the other subgraphs fails', async () => {
    room.unrated.add('3');
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    feed.publish(news('3', { eventId: 'e3' }));
    const { data, errors, extensions } = await results.next();
    expect(data).toEqual({ published: { id: '3', title: 'Title 3', author: { name: 'Ada' }, stars: null } });
    expect(errors?.map(({ path, extensions: told }) => [path, told?.['code'], told?.['subgraph']])).toEqual([
      [['published'], 'INTERNAL_SERVER_ERROR', 'ratings'],
    ]);
    expect(errors?.[0]?.message).not.toContain('no ratings today');
    expect(extensions).toEqual({ eventId: 'e3' });
    const text = await (await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } })).text();
    expect(
      sumOfMetric(text, 'taskgraph_gateway_subscription_errors_total', { code: 'INTERNAL_SERVER_ERROR' }),
    ).toBeGreaterThan(0);
    feed.publish(news('4'));
    expect((await results.next()).errors).toBeUndefined();
    results.stop();
  });

  it('passes null up to the root for an event without what must be there', async () => {
    await using client = connectClient(gateway);
    const results = client.subscribe('subscription { strict { id } }');
    await feed.untilActive(1);
    feed.publish({ root: { strict: null }, id: 'n1' });
    const { data, errors, extensions } = await results.next();
    expect(data).toBeNull();
    expect(errors?.[0]?.path).toEqual(['strict']);
    expect(extensions).toEqual({ eventId: 'n1' });
    results.stop();
  });

  it('ends with what its subgraph says when it is refused there', async () => {
    feed.refuse([{ message: 'No such topic.', extensions: { code: 'NOT_FOUND', reason: 'TOPIC', serviceName: 'x' } }]);
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    expect(await results.ended).toEqual([
      { message: 'No such topic.', extensions: { code: 'NOT_FOUND', reason: 'TOPIC', subgraph: 'news' } },
    ]);
    feed.refuse([{ message: 'a password in a stack trace' }]);
    const masked = (await client.subscribe(PUBLISHED).ended) as Array<{ message: string; extensions: object }>;
    expect(masked).toEqual([
      {
        message: 'Something went wrong on our side.',
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String), subgraph: 'news' },
      },
    ]);
    feed.refuse(null);
  });

  it('is completed when its subgraph completes it, after the events before', async () => {
    await using client = connectClient(gateway);
    const results = client.subscribe(PUBLISHED);
    await feed.untilActive(1);
    feed.publish(news('1'));
    feed.complete();
    expect((await results.next()).data?.['published']).toMatchObject({ id: '1' });
    expect(await results.ended).toBe('completed');
  });

  it('refuses what the planner cannot serve, and what its client may not see', async () => {
    await using client = connectClient(gateway);
    const codeOf = async (query: string) => {
      const [error] = (await client.subscribe(query).ended) as Array<{ extensions: Record<string, unknown> }>;
      return [error?.extensions['code'], error?.extensions['reason']];
    };
    expect(await codeOf('subscription { published { id ... @defer { title } } }')).toEqual([
      'OPERATION_REJECTED',
      'NOT_SERVED',
    ]);
    expect(await codeOf('subscription { mine { id } }')).toEqual(['UNAUTHENTICATED', 'UNAUTHORIZED_FIELD_OR_TYPE']);
    await using ada = connectClient(gateway, { token: signTestToken() });
    const [error] = (await ada.subscribe('subscription { audit { id } }').ended) as [{ extensions: object }];
    expect(error.extensions).toMatchObject({ code: 'FORBIDDEN', cause: 'SCOPE_MISSING' });
    expect(feed.active()).toEqual([]);
  });
});

describe('an event', () => {
  it('is answered with what was so after it, whatever was kept before', async () => {
    const room = newsroom();
    const [newsFake, authors, ratings] = room.fakes;
    await using gateway = await startGateway([
      newsFake!,
      {
        ...authors!,
        intercept: (_request, response) => {
          response.setHeader('cache-control', 'max-age=300, public');
          return false;
        },
      },
      ratings!,
    ]);
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe('subscription { published { author { name } } }');
    await feed.untilActive(1);
    const name = async () => ((await results.next()).data?.['published'] as { author: { name: string } }).author.name;
    const ask = async () =>
      (await gateway.run('{ article(id: "7") { author { name } } }')).body.data.article.author.name;
    expect(await ask()).toBe('Ada');
    room.names.set('a', 'Countess Ada');
    // It is kept, so a query does not ask for it.
    expect(await ask()).toBe('Ada');
    feed.publish(news('2'));
    expect(await name()).toBe('Countess Ada');
    results.stop();
  });

  it('joins no query that was sent before it', async () => {
    const room = newsroom();
    const held: Array<() => void> = [];
    let hold = true;
    const [newsFake, authors, ratings] = room.fakes;
    await using gateway = await startGateway([
      newsFake!,
      {
        ...authors!,
        resolvers: {
          Author: {
            __resolveReference: async ({ id }: { id: string }) => {
              const name = room.names.get(id);
              if (hold) await new Promise<void>((resolve) => held.push(resolve));
              return { id, name };
            },
          },
        },
      },
      ratings!,
    ]);
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe('subscription { published { author { name } } }');
    await feed.untilActive(1);
    const before = gateway.run('{ article(id: "1") { author { name } } }');
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    hold = false;
    room.names.set('a', 'Renamed');
    feed.publish(news('1'));
    expect((await results.next()).data).toEqual({ published: { author: { name: 'Renamed' } } });
    held[0]?.();
    expect((await before).body.data?.article.author.name).toBe('Ada');
    results.stop();
  });

  it('is answered with what is there when its time is up, and the next one again in full', async () => {
    const room = newsroom();
    let hold = true;
    const [newsFake, authors, ratings] = room.fakes;
    const held: Array<() => void> = [];
    await using gateway = await startGateway(
      [
        newsFake!,
        {
          ...authors!,
          resolvers: {
            Author: {
              __resolveReference: async ({ id }: { id: string }) => {
                if (hold) await new Promise<void>((resolve) => held.push(resolve));
                return { id, name: 'Ada' };
              },
            },
          },
        },
        ratings!,
      ],
      { OPERATION_TIMEOUT_MS: '2000' },
    );
    const { feed } = gateway.subgraphs['news']!;
    await using client = connectClient(gateway);
    const results = client.subscribe('subscription { published { id author { name } } }');
    await feed.untilActive(1);
    feed.publish(news('1'));
    const { data, errors } = await results.next();
    expect(data).toEqual({ published: { id: '1', author: { name: null } } });
    expect(errors?.[0]?.extensions?.['code']).toBe('DEADLINE_EXCEEDED');
    hold = false;
    for (const release of held) release();
    feed.publish(news('2'));
    expect((await results.next()).errors).toBeUndefined();
    results.stop();
  });
});
