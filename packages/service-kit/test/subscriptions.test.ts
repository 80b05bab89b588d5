import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createClient, type SubscribePayload } from 'graphql-ws';
import { WebSocket } from 'ws';
import { AppError } from '@taskgraph/service-kit';
import { bearer, connectRaw, startSample } from './sample-subscriptions.js';

const NEWS = 'subscription { news(topic: "t") { text } }';

function connectClient(url: string, connectionParams?: Record<string, unknown>) {
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(connectionParams && { connectionParams }),
  });
  return {
    subscribe: (payload: SubscribePayload) => client.iterate(payload),
    [Symbol.asyncDispose]: async () => client.dispose(),
  };
}

/** The error codes of an `error` message. */
function codesOf({ type, payload }: { type: string; payload?: unknown }): unknown {
  return [type, (payload as Array<{ extensions: unknown }>).map(({ extensions }) => extensions)];
}

describe('subscriptions of a subgraph', () => {
  it('tell each event with its id, in a context of its own, until the source ends', async () => {
    await using sample = await startSample();
    const userId = randomUUID();
    await using client = connectClient(sample.wsUrl, { authorization: bearer({ userId }) });
    const results = client.subscribe({ query: 'subscription { mine { text viewer execution } }' });
    const pulled = results.next();
    const source = await sample.source(0);
    const ids = [randomUUID(), randomUUID()];
    source.push({ eventId: ids[0] as string, text: 'one' });
    // The first context was the subscription's.
    expect((await pulled).value).toEqual({
      data: { mine: { text: 'one', viewer: userId, execution: 2 } },
      extensions: { eventId: ids[0] },
    });
    source.push({ eventId: ids[1] as string, text: 'two' });
    source.end();
    expect((await results.next()).value).toEqual({
      data: { mine: { text: 'two', viewer: userId, execution: 3 } },
      extensions: { eventId: ids[1] },
    });
    expect(await results.next()).toEqual({ done: true, value: undefined });
  });

  it('hand the last event id to the field, and refuse what is none', async () => {
    await using sample = await startSample();
    await using raw = await connectRaw(sample.wsUrl);
    await raw.init();
    const lastEventId = randomUUID();
    raw.subscribe('1', NEWS, { extensions: { lastEventId } });
    expect((await sample.source(0)).context.lastEventId).toBe(lastEventId);
    raw.subscribe('2', NEWS, { extensions: { lastEventId: 'last' } });
    expect(codesOf(await raw.next())).toEqual(['error', [{ code: 'BAD_USER_INPUT', reason: 'INVALID_EVENT_ID' }]]);
    raw.subscribe('3', NEWS, { extensions: { lastEventId: 7 } });
    expect(codesOf(await raw.next())).toEqual(['error', [{ code: 'BAD_USER_INPUT', reason: 'INVALID_EVENT_ID' }]]);
  });

  it('ask for a viewer and for scopes before anything is subscribed', async () => {
    await using sample = await startSample();
    await using anonymous = await connectRaw(sample.wsUrl);
    await anonymous.init();
    anonymous.subscribe('1', 'subscription { mine { text } }');
    expect(codesOf(await anonymous.next())).toEqual(['error', [{ code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' }]]);
    await using user = await connectRaw(sample.wsUrl);
    await user.init({ authorization: bearer() });
    user.subscribe('1', 'subscription { audit { text } }');
    expect(codesOf(await user.next())).toEqual(['error', [{ code: 'FORBIDDEN', reason: 'SCOPE_MISSING' }]]);
    expect(sample.sources).toEqual([]);
  });

  it('refuse everything that is no subscription, with a code', async () => {
    await using sample = await startSample();
    await using raw = await connectRaw(sample.wsUrl);
    await raw.init();
    const refused: Array<[string, Record<string, unknown>, string]> = [
      ['{ open }', {}, 'OPERATION_REJECTED'],
      ['subscription {', {}, 'GRAPHQL_PARSE_FAILED'],
      ['subscription { nothing }', {}, 'GRAPHQL_VALIDATION_FAILED'],
      ['subscription { missing { text } defect { text } }', {}, 'GRAPHQL_VALIDATION_FAILED'],
      [`${NEWS.replace('{', 'A {')} ${NEWS.replace('{', 'B {')}`, {}, 'BAD_REQUEST'],
      ['subscription A { missing { text } }', { operationName: 'B' }, 'BAD_REQUEST'],
      ['subscription($topic: String!) { news(topic: $topic) { text } }', {}, 'BAD_USER_INPUT'],
    ];
    for (const [index, [query, more, code]] of refused.entries()) {
      raw.subscribe(String(index), query, more);
      const message = await raw.next();
      expect(message).toMatchObject({ type: 'error', id: String(index) });
      const [error] = message.payload as Array<{ extensions: { code: string } }>;
      expect([query, error?.extensions.code]).toEqual([query, code]);
    }
    const response = await fetch(`${sample.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: NEWS }),
    });
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_REJECTED' } }] });
    expect(sample.sources).toEqual([]);
  });

  it('show faults with their codes and mask defects, whether they come at once, from the source or with an event', async () => {
    await using sample = await startSample();
    await using raw = await connectRaw(sample.wsUrl);
    await raw.init({ requestId: 'request-0001' });
    const masked = { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-0001' };

    raw.subscribe('1', 'subscription { missing { text } }');
    expect(codesOf(await raw.next())).toEqual(['error', [{ code: 'NOT_FOUND' }]]);
    raw.subscribe('2', 'subscription { defect { text } }');
    expect(codesOf(await raw.next())).toEqual(['error', [masked]]);

    raw.subscribe('3', NEWS);
    (await sample.source(0)).push(new AppError('CONFLICT', 'No.', { reason: 'BECAUSE' }));
    expect(codesOf(await raw.next())).toEqual(['error', [{ code: 'CONFLICT', reason: 'BECAUSE' }]]);
    raw.subscribe('4', NEWS);
    (await sample.source(1)).push(new TypeError('secret detail'));
    expect(codesOf(await raw.next())).toEqual(['error', [masked]]);

    raw.subscribe('5', 'subscription { news(topic: "t") { text broken } }');
    (await sample.source(2)).push({ eventId: 'e', text: 'told in part' });
    const partial = await raw.next();
    expect(partial).toMatchObject({
      type: 'next',
      id: '5',
      payload: {
        data: { news: { text: 'told in part', broken: null } },
        errors: [{ path: ['news', 'broken'], extensions: masked }],
        extensions: { eventId: 'e' },
      },
    });
    expect(JSON.stringify(partial)).not.toContain('secret detail');
    const defects = sample.lines.filter(({ level }) => level === 'error');
    expect(defects).toHaveLength(3);
    for (const line of defects)
      expect(line).toMatchObject({ requestId: 'request-0001', err: { message: 'secret detail' } });
  });

  it('end with the error of an event of which nothing can be told', async () => {
    await using sample = await startSample();
    await using raw = await connectRaw(sample.wsUrl);
    await raw.init();
    raw.subscribe('1', NEWS);
    const source = await sample.source(0);
    source.push({ eventId: 'e1', text: 'open' });
    expect(await raw.next()).toMatchObject({ type: 'next', payload: { extensions: { eventId: 'e1' } } });
    source.push({ eventId: 'e2', text: 'secret' });
    source.push({ eventId: 'e3', text: 'open again' });
    const [type, errors] = codesOf(await raw.next()) as [string, unknown];
    expect([type, errors]).toEqual(['error', [{ code: 'NOT_FOUND' }]]);
    expect(source.context.signal.aborted).toBe(true);
    raw.send({ type: 'ping' });
    expect(await raw.next()).toEqual({ type: 'pong' });
  });

  it('stop their source when the client completes them, and when it goes', async () => {
    await using sample = await startSample();
    const raw = await connectRaw(sample.wsUrl);
    await raw.init();
    raw.subscribe('1', NEWS);
    raw.subscribe('2', NEWS);
    const [first, second] = [await sample.source(0), await sample.source(1)];
    expect(await sample.metric('taskgraph_subscription')).toEqual([
      'taskgraph_subscription_connections{service="sample"} 1',
      'taskgraph_subscriptions_active{field="news",service="sample"} 2',
    ]);
    const aborted = once(first.context.signal, 'abort');
    raw.send({ type: 'complete', id: '1' });
    await aborted;
    expect(second.context.signal.aborted).toBe(false);
    second.push({ eventId: 'e', text: 'still here' });
    expect(await raw.next()).toMatchObject({ type: 'next', id: '2' });
    const gone = once(second.context.signal, 'abort');
    raw.socket.terminate();
    await gone;
    expect(await sample.metric('taskgraph_subscription')).toEqual([
      'taskgraph_subscription_connections{service="sample"} 0',
      'taskgraph_subscription_connections_closed_total{code="1006",service="sample"} 1',
      'taskgraph_subscriptions_active{field="news",service="sample"} 0',
      'taskgraph_subscription_events_total{field="news",service="sample"} 1',
    ]);
    expect(sample.lines).toContainEqual(
      expect.objectContaining({ msg: 'subscription ended', field: 'news', events: 1, durationMs: expect.any(Number) }),
    );
  });
});
