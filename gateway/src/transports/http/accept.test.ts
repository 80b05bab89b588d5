import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readAccept } from './accept.js';

const MODERN = 'application/graphql-response+json';
const LEGACY = 'application/json';
const OLDER = 'multipart/mixed;deferSpec=20220824';
const NEWER = 'multipart/mixed;incrementalSpec=v0.2';

describe('what a client reads', () => {
  it.each([
    [undefined, LEGACY],
    ['', LEGACY],
    ['*/*', LEGACY],
    ['application/*', LEGACY],
    [LEGACY, LEGACY],
    [`${LEGACY}; charset=utf-8`, LEGACY],
    [MODERN, MODERN],
    [`${MODERN}; charset="utf-8"`, MODERN],
    [`${MODERN}, ${LEGACY};q=0.9`, MODERN],
    [`${LEGACY}, ${MODERN}`, MODERN],
    [`${LEGACY}, ${MODERN};q=0.5`, LEGACY],
    [`${MODERN}, */*`, MODERN],
    [`${MODERN};q=0.5, */*;q=0.8`, LEGACY],
    [`${LEGACY};q=0, */*`, MODERN],
    [`${MODERN};q=0, */*`, LEGACY],
    [`text/html, ${LEGACY};q=0.1`, LEGACY],
    ['APPLICATION/JSON;Q=1', LEGACY],
    [`text/x;a="b,${MODERN}";q=0.1, ${LEGACY}`, LEGACY],
    [`${OLDER}, ${LEGACY}`, LEGACY],
  ])('is one JSON: %s', (header, type) => {
    const accepted = readAccept(header);
    expect(accepted?.type).toBe(`${type}; charset=utf-8`);
    expect(accepted?.readsStatus).toBe(type === MODERN);
    expect(accepted?.partsOnly).toBe(false);
  });

  it.each([
    [OLDER, 'deferSpec=20220824', true],
    [NEWER, 'incrementalSpec=v0.2', true],
    ['multipart/mixed; boundary="-"; deferSpec="20220824"', 'deferSpec=20220824', true],
    [`${OLDER},${LEGACY}`, 'deferSpec=20220824', false],
    [`${NEWER},${MODERN},${LEGACY};q=0.9`, 'incrementalSpec=v0.2', false],
    [`${OLDER}, ${NEWER}, ${LEGACY}`, 'incrementalSpec=v0.2', false],
    [`${OLDER}, ${NEWER};q=0.5, ${LEGACY};q=0.1`, 'deferSpec=20220824', false],
    [`${OLDER}, ${LEGACY};q=0`, 'deferSpec=20220824', true],
    [`${OLDER};q=0.5, ${LEGACY}`, null, false],
    [`${OLDER};q=0, ${LEGACY}`, null, false],
    ['multipart/mixed;deferSpec=20990101, */*', null, false],
    [`multipart/mixed, ${LEGACY}`, null, false],
    ['*/*', null, false],
  ])('is parts, or not: %s', (header, incremental, partsOnly) => {
    expect(readAccept(header)).toMatchObject({ incremental, partsOnly });
  });

  it.each([
    ['text/event-stream', 'sse', true],
    ['text/event-stream, */*;q=0.1', 'sse', true],
    [`text/event-stream, ${LEGACY}`, 'sse', false],
    [`text/event-stream;q=0, ${LEGACY}`, null, false],
    ['*/*', null, false],
    ['multipart/mixed;subscriptionSpec="1.0", application/json', 'multipart', false],
    ['multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json', 'multipart', false],
    ['multipart/mixed;subscriptionSpec=1.0;q=0, text/event-stream, */*', 'sse', false],
  ])('is events, or not: %s', (header, stream, eventsOnly) => {
    expect(readAccept(header)).toMatchObject({ stream, eventsOnly });
  });

  it.each([
    'text/csv',
    `${LEGACY};q=0`,
    `${LEGACY};q=0.0, ${MODERN};q=0`,
    '*/*;q=0',
    'application/*;q=0, */*;q=0',
    'multipart/mixed',
    `${OLDER};q=0`,
    ',',
    'application',
  ])('is refused when it is nothing that is served: %s', (header) => {
    expect(readAccept(header)).toBeNull();
  });

  it('is found out whatever the header holds, and alike however its ranges are spaced', () => {
    const range = fc.constantFrom(
      LEGACY,
      MODERN,
      '*/*',
      'application/*',
      'text/event-stream',
      OLDER,
      NEWER,
      'text/csv',
      '"',
      ';',
    );
    const quality = fc.constantFrom('', ';q=0', ';q=0.5', ';q=1', ';q=x', ';q="0.5"');
    fc.assert(
      fc.property(fc.array(fc.tuple(range, quality), { minLength: 1, maxLength: 5 }), (ranges) => {
        const texts = ranges.map((parts) => parts.join(''));
        const accepted = readAccept(texts.join(','));
        if (texts.some((text) => text.includes('"'))) return;
        expect(readAccept(` ${texts.join(' ,\t')} `)).toEqual(accepted);
        // Order says nothing (RFC 9110, 12.5.1).
        expect(readAccept([...texts].reverse().join(','))).toEqual(accepted);
      }),
      { seed: 9_110, numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.string(), (text) => void readAccept(text)),
      { seed: 9_110, numRuns: 2_000 },
    );
  });
});
