import { describe, expect, it } from '@jest/globals';
import { compilePlan } from '../compile/plan/compile-plan.js';
import type { FetchStep } from '../compile/plan/steps.js';
import { placeErrors } from './fetch-errors.js';
import type { Data } from '../request/data.js';

const { step: STEP } = compilePlan(
  {
    kind: 'QueryPlan',
    node: {
      kind: 'Flatten',
      path: ['tasks', '@', 'owner'],
      node: {
        kind: 'Fetch',
        serviceName: 'auth',
        operation: 'query($representations:[_Any!]!){_entities(representations:$representations){...on User{name}}}',
        operationName: undefined,
        operationKind: 'query' as never,
        requires: [],
      },
    },
  },
  (condition) => new Set([condition]),
) as { step: FetchStep };

const ada = { __typename: 'User', id: 'a' };
const grace = { __typename: 'User', id: 'g' };
const root: Data = { tasks: [{ owner: null }, { owner: ada }, null, { owner: grace }, { owner: ada }] };
const clientPath = (path: ReadonlyArray<string | number>) => [...path];
const indexOf = (object: Data) => [ada, grace].indexOf(object as never);
const place = (error: object, lost = false) =>
  placeErrors([{ message: 'x', ...error }], STEP, { root, clientPath, indexOf, came: lost ? null : [{}, {}] }).map(
    ({ path }) => path?.join('.'),
  );

describe('errors of a fetch', () => {
  it('are told at every place of their entity, with null and other entities in between', () => {
    expect(place({ path: ['_entities', 0, 'name'] })).toEqual(['tasks.1.owner.name', 'tasks.4.owner.name']);
    expect(place({ path: ['_entities', 1] })).toEqual(['tasks.3.owner']);
  });

  it('are told of everything that the fetch was for, when they have no place and nothing came', () => {
    expect(place({}, true).sort()).toEqual(['tasks.1.owner', 'tasks.3.owner', 'tasks.4.owner']);
    expect(place({ path: ['_entities'] }, true)).toHaveLength(3);
    expect(place({})).toEqual([undefined]);
  });

  it('keep their path in a fetch of root fields', () => {
    const step = { ...STEP, path: [], representations: null, rootNames: ['tasks', 'me'] };
    const options = { root, clientPath, indexOf: null, came: null };
    expect(placeErrors([{ message: 'x', path: ['tasks', 1] }], step, options)[0]?.path).toEqual(['tasks', 1]);
    expect(placeErrors([{ message: 'x' }], step, options).map(({ path }) => path)).toEqual([['tasks'], ['me']]);
  });
});
