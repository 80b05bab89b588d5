import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { graphql, GraphQLBoolean, GraphQLObjectType, GraphQLSchema } from 'graphql';
import { assertInTime, readDeadline, refuseLateMutations, withoutDeadline } from './request-deadline.js';

const TOLERANCE_MS = 1_000;
/** Until a deadline that is met at the beginning has gone by, however slow the beginning is. */
const SOON_MS = 2_000;

/** Runs a mutation that calls back in the middle. */
async function mutate(deadline: number | undefined, work: () => Promise<void>): Promise<string | null> {
  const type = new GraphQLObjectType({ name: 'Query', fields: { ok: { type: GraphQLBoolean } } });
  const mutation = new GraphQLObjectType({
    name: 'Mutation',
    fields: { change: { type: GraphQLBoolean, resolve: () => work().then(() => true) } },
  });
  const schema = refuseLateMutations(new GraphQLSchema({ query: type, mutation }));
  const { errors } = await graphql({ schema, source: 'mutation { change }', contextValue: { deadline } });
  return errors === undefined ? null : String((errors[0]?.originalError as { code?: string } | undefined)?.code);
}

describe('a mutation', () => {
  it('is not begun after its deadline', async () => {
    let isBegun = false;
    const begin = async () => void (isBegun = true);
    expect(await mutate(Date.now() - TOLERANCE_MS - 1, begin)).toBe('DEADLINE_EXCEEDED');
    expect(isBegun).toBe(false);
    expect(await mutate(Date.now(), begin)).toBeNull();
    expect(isBegun).toBe(true);
  });

  it('changes nothing after it, however deep it has come by then', async () => {
    const late = async () => {
      await delay(SOON_MS + 100);
      assertInTime();
    };
    expect(await mutate(Date.now() - TOLERANCE_MS + SOON_MS, late)).toBe('DEADLINE_EXCEEDED');
    expect(await mutate(undefined, late)).toBeNull();
  });

  it('leaves behind what may take longer than its client waits', async () => {
    let left: Promise<void> | undefined;
    const work = async () => {
      left = withoutDeadline(async () => {
        await delay(SOON_MS + 100);
        assertInTime();
      });
    };
    expect(await mutate(Date.now() - TOLERANCE_MS + SOON_MS, work)).toBeNull();
    await left;
  });
});

describe('the deadline of a request', () => {
  it.each([
    ['1764192000000', 1_764_192_000_000],
    ['', Infinity],
    ['-1', Infinity],
    ['1e9', Infinity],
    ['9'.repeat(16), Infinity],
    [undefined, Infinity],
  ])('%j is %d', (header, expected) => {
    expect(readDeadline({ 'x-request-deadline': header })).toBe(expected);
  });
});
