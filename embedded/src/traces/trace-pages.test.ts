import { describe, expect, it } from '@jest/globals';
import type { FinishedSpan } from '@taskgraph/service-kit';
import { filterTraces, listPage, tracePage } from './trace-pages.js';
import { createTraceStore, inWaterfall } from './trace-store.js';

function span(spanId: string, parentSpanId: string | null, more: Partial<FinishedSpan> = {}): FinishedSpan {
  return {
    service: 'gateway',
    name: spanId,
    traceId: 'a'.repeat(32),
    spanId,
    parentSpanId,
    startMs: 1_000,
    durationMs: 10,
    error: null,
    attributes: {},
    ...more,
  };
}

describe('the store of traces', () => {
  it('keeps the latest, and of a large one so much', () => {
    const store = createTraceStore({ maxTraces: 2, maxSpans: 3 });
    for (const traceId of ['1', '2', '3']) store.add(span('root', null, { traceId }));
    expect(store.recent().map(({ traceId }) => traceId)).toEqual(['3', '2']);
    for (let more = 0; more < 5; more += 1) store.add(span(`s${more}`, 'root', { traceId: '3' }));
    expect(store.find('3')).toMatchObject({ dropped: 3, spans: { length: 3 } });
    expect(store.find('1')).toBeNull();
  });

  it('puts spans below what they belong to, in the order of their beginnings', () => {
    const store = createTraceStore();
    // Spans come when they have ended.
    store.add(span('late', 'root', { startMs: 1_005 }));
    store.add(span('inner', 'early', { startMs: 1_002 }));
    store.add(span('early', 'root', { startMs: 1_001 }));
    store.add(span('root', 'of a client'));
    const [trace] = store.recent();
    expect(trace && inWaterfall(trace).map(({ span: { name }, depth }) => [name, depth])).toEqual([
      ['root', 0],
      ['early', 1],
      ['inner', 2],
      ['late', 1],
    ]);
  });
});

describe('the pages of traces', () => {
  const hostile = '<script>alert(1)</script>';
  const store = createTraceStore();
  store.add(
    span('root', null, { attributes: { 'graphql.operation.type': 'query', 'graphql.operation.name': hostile } }),
  );
  store.add(span('slow', null, { traceId: 'b'.repeat(32), durationMs: 500, error: 'TIMEOUT' }));

  it('show what clients have named as text', () => {
    const nothing = { text: '', minMs: 0, errorsOnly: false };
    const trace = store.find('a'.repeat(32));
    for (const page of [listPage(store.recent(), { ...nothing, text: '' }), trace ? tracePage(trace) : '']) {
      expect(page).toContain('&#60;script&#62;');
      expect(page).not.toContain('<script');
    }
    expect(listPage(store.recent(), { ...nothing, text: '"><b>' })).not.toContain('<b>');
  });

  it.each([
    [{ text: 'SCRIPT', minMs: 0, errorsOnly: false }, ['a']],
    [{ text: '', minMs: 100, errorsOnly: false }, ['b']],
    [{ text: '', minMs: 0, errorsOnly: true }, ['b']],
    [{ text: 'bbbb', minMs: 0, errorsOnly: false }, ['b']],
    [{ text: '', minMs: 0, errorsOnly: false }, ['b', 'a']],
    [{ text: 'none of it', minMs: 0, errorsOnly: false }, []],
  ])('show of the traces those that fit %j', (filter, expected) => {
    expect(filterTraces(store.recent(), filter).map(({ traceId }) => traceId[0])).toEqual(expected);
  });
});
