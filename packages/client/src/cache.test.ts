import { describe, expect, it } from '@jest/globals';
import { gql, type TypedDocumentNode } from '@apollo/client';
import { createCache } from './cache.js';
import { TasksDocument, type TasksQuery } from './generated/graphql.js';
import { isProblem } from './problem.js';
import { findFiles } from './uploads/find-files.js';

const page = (numbers: readonly number[], hasNextPage: boolean): TasksQuery => ({
  tasks: {
    __typename: 'TaskConnection',
    totalCount: 3,
    edges: numbers.map((number) => ({
      __typename: 'TaskEdge',
      cursor: `c${number}`,
      node: {
        __typename: 'Task',
        id: `t${number}`,
        title: `Task ${number}`,
        status: 'TODO',
        priority: 'LOW',
        dueAt: null,
        labels: [],
        owner: null,
        assignee: null,
      },
    })),
    pageInfo: {
      __typename: 'PageInfo',
      hasNextPage,
      hasPreviousPage: false,
      startCursor: `c${numbers[0]}`,
      endCursor: `c${numbers.at(-1)}`,
    },
  },
});

describe('the cache', () => {
  it('joins the pages of a list, and keeps lists of another filter or order apart', () => {
    const cache = createCache();
    const write = (variables: object, data: TasksQuery) => cache.writeQuery({ query: TasksDocument, variables, data });
    const read = (variables: object) =>
      cache.readQuery({ query: TasksDocument, variables })?.tasks?.edges.map(({ node }) => node.title);
    write({ first: 2 }, page([1, 2], true));
    write({ first: 2, after: 'c2' }, page([3], false));
    write({ first: 2, filter: { search: 'x' } }, page([2], false));
    expect(read({ first: 2 })).toEqual(['Task 1', 'Task 2', 'Task 3']);
    expect(read({ filter: { search: 'x' } })).toEqual(['Task 2']);
    expect(read({ orderBy: { field: 'TITLE', direction: 'ASC' } })).toBeUndefined();
  });

  it('finds by its id what was read in a list', () => {
    const cache = createCache();
    cache.writeQuery({ query: TasksDocument, variables: {}, data: page([1], false) });
    const query = gql('query Title($id: ID!) { task(id: $id) { id title } }') as TypedDocumentNode<object>;
    expect(cache.readQuery({ query, variables: { id: 't1' } })).toMatchObject({ task: { title: 'Task 1' } });
    expect(cache.readQuery({ query, variables: { id: 't9' } })).toBeNull();
  });

  it('takes further policies', () => {
    const cache = createCache({ typePolicies: { Task: { fields: { title: { read: () => 'ours' } } } } });
    cache.writeQuery({ query: TasksDocument, variables: {}, data: page([1], false) });
    expect(cache.readQuery({ query: TasksDocument, variables: {} })?.tasks?.edges[0]?.node.title).toBe('ours');
  });
});

describe('a problem', () => {
  it('is told from a success, also where it is newer than the client', () => {
    expect(isProblem({ __typename: 'StaleVersionProblem' })).toBe(true);
    expect(isProblem({ __typename: 'SomethingNewProblem' })).toBe(true);
    for (const other of [null, undefined, {}, { __typename: 'UpdateTaskSuccess' }])
      expect(isProblem(other)).toBe(false);
  });
});

describe('the files of an operation', () => {
  it('are found wherever they are, and null stands in their place', () => {
    const [one, two] = [new Blob(['1']), new File(['2'], 'two.png')];
    const date = new Date(0);
    const found = findFiles({ file: one, deep: { list: ['a', two], date }, none: null });
    expect(found.variables).toEqual({ file: null, deep: { list: ['a', null], date }, none: null });
    expect([...found.files]).toEqual([
      ['file', one],
      ['deep.list.1', two],
    ]);
    expect(findFiles({ a: 1 }).files.size).toBe(0);
  });
});
