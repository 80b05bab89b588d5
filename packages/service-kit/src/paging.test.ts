import { describe, expect, it } from '@jest/globals';
import { AppError } from './app-error.js';
import { decodeCursor, encodeCursor, parsePageArgs, toConnection, type Connection } from './paging.js';

describe('parsePageArgs', () => {
  it('reads forwards with a default size', () => {
    expect(parsePageArgs({})).toEqual({ direction: 'forward', size: 20, after: null, before: null });
  });

  it('reads backwards when asked for the last', () => {
    expect(parsePageArgs({ last: 3, before: 'x' })).toEqual({
      direction: 'backward',
      size: 3,
      after: null,
      before: 'x',
    });
  });

  it.each([{ first: -1 }, { last: -1 }, { first: 101 }, { first: 1, last: 1 }])('refuses %j', (args) => {
    expect(() => parsePageArgs(args)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
  });
});

describe('cursors', () => {
  it('give back what they were made of', () => {
    expect(decodeCursor(encodeCursor(['UPDATED_AT', '2026-01-01', null]))).toEqual(['UPDATED_AT', '2026-01-01', null]);
  });

  it.each(['', '%%%', 'bm90IGpzb24', Buffer.from('{"a":1}').toString('base64url'), 'x'.repeat(5000)])(
    'refuses %j',
    (cursor) => {
      expect(() => decodeCursor(cursor)).toThrow(AppError);
    },
  );
});

describe('toConnection', () => {
  const cursorOf = (row: number) => `c${row}`;

  it('tells from the row too many that there is a next page', () => {
    const page = parsePageArgs({ first: 2 });
    expect(read(toConnection([1, 2, 3], page, cursorOf))).toEqual({
      edges: [
        { cursor: 'c1', node: 1 },
        { cursor: 'c2', node: 2 },
      ],
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: 'c1', endCursor: 'c2' },
    });
  });

  it('puts a backward page into list order', () => {
    const { edges, pageInfo } = read(toConnection([9, 8, 7], parsePageArgs({ last: 2, before: 'c10' }), cursorOf));
    expect(edges.map(({ node }) => node)).toEqual([8, 9]);
    expect(pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: true, startCursor: 'c8', endCursor: 'c9' });
  });

  it('has no cursors when it is empty', () => {
    expect(read(toConnection([], parsePageArgs({ first: 0 }), cursorOf)).pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: false,
      startCursor: null,
      endCursor: null,
    });
  });

  it('makes no cursor that nobody asks for', () => {
    const made: number[] = [];
    const { edges, pageInfo } = toConnection([1, 2, 3], parsePageArgs({ first: 3 }), (row) => cursorOf(made.push(row)));
    expect([edges.length, pageInfo.hasNextPage, made]).toEqual([3, false, []]);
    expect([pageInfo.endCursor, made]).toEqual(['c1', [3]]);
  });

  /** As GraphQL reads it, field by field. */
  function read<Row>({ edges, pageInfo }: Connection<Row>) {
    const { hasNextPage, hasPreviousPage, startCursor, endCursor } = pageInfo;
    return {
      edges: edges.map(({ cursor, node }) => ({ cursor, node })),
      pageInfo: { hasNextPage, hasPreviousPage, startCursor, endCursor },
    };
  }
});
