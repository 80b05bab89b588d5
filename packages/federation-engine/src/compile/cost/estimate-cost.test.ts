import { describe, expect, it } from '@jest/globals';
import { buildSchema, Kind, parse, type OperationDefinitionNode } from 'graphql';
import { MAX_AMOUNT } from './amounts.js';
import { createCostModel } from './cost-model.js';
import { prepareCostEstimate } from './estimate-cost.js';
import { fragmentsOf } from '../document/measure-document.js';

const schema = buildSchema(`
  type Query {
    me: User users(limit: Int): [User!]! tasks(first: Int = 20): TaskConnection some(ids: [ID!] = ["1"]): [User]
    _entities(representations: [ID!]!): [Task]!
  }
  type Mutation { rename: User }
  type User { name: String friends: [User] }
  type TaskConnection { edges: [TaskEdge!]! totalCount: Int }
  type TaskEdge { node: Task }
  type Task { title: String owner: User }
`);

const ofIds = { assumedSize: null, slicingArguments: [['ids']], sizedFields: [], requireOneSlicingArgument: false };
const model = createCostModel(schema, { weights: [], listSizes: [['Query.some', ofIds]], hidden: [] }, 10);

function cost(query: string, variables: Record<string, unknown> = {}) {
  const document = parse(query);
  const node = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;
  return prepareCostEstimate(model, node, fragmentsOf(document)).estimate(variables);
}

describe('the estimated cost', () => {
  it.each([
    ['{ me { name } }', 1],
    ['mutation { rename { name } }', 11],
    ['{ users { name } }', 10],
    ['{ users(limit: 3) { name friends { name } } }', 3 * (1 + 10)],
    ['{ tasks { edges { node { title owner { name } } } } }', 1 + 20 * 3],
    ['{ tasks(first: 2) { edges { node { title } } } }', 1 + 2 * 2],
    ['{ ...F me { name } } fragment F on Query { me { friends { name } } }', 11],
    ['{ a: me { name } b: me { name } c: users(limit: 0) { name } }', 2],
    // A size below zero bounds nothing.
    ['{ users(limit: -5) { name } }', 10],
    [
      '{ me @skip(if: true) { name } ... @include(if: false) { users { name } } __typename __schema { queryType { name } } }',
      0,
    ],
  ])('of %s is %i', (query, expected) => {
    expect(cost(query)).toBe(expected);
  });

  it('follows variables and their defaults', () => {
    const query = 'query($n: Int = 4) { tasks(first: $n) { edges { node { title } } } }';
    expect(cost(query)).toBe(1 + 4 * 2);
    expect(cost(query, { n: 100 })).toBe(1 + 100 * 2);
  });

  it('counts what lists of keys ask for', () => {
    expect(cost('{ some { name } }')).toBe(1);
    expect(cost('{ some(ids: ["1", "2", "3"]) { name } }')).toBe(3);
    expect(cost('{ some(ids: []) { name } }')).toBe(0);
    const query = 'query($r: [ID!]!) { _entities(representations: $r) { owner { name } } }';
    expect(cost(query, { r: ['1', '2', '3', '4'] })).toBe(4 * 2);
    expect(cost(query, { r: '1' })).toBe(10 * 2);
  });

  it('leaves out what variables leave out, at any depth', () => {
    const query =
      'query($on: Boolean! = true, $off: Boolean) { me @include(if: $on) { friends @skip(if: $off) { name } } ... @skip(if: $off) { users { name } } }';
    expect(cost(query)).toBe(1 + 10 + 10);
    expect(cost(query, { off: true })).toBe(1);
    expect(cost(query, { on: false })).toBe(10);
    expect(cost(query, { on: false, off: true })).toBe(0);
  });

  it('is a number, however much there is', () => {
    const many = 'tasks(first: 2147483647) { edges { node { owner { friends { name } } } } }';
    let query = 'friends { name }';
    for (let level = 0; level < 400; level += 1) query = `friends { ${query} }`;
    expect(cost(`{ ${many} me { ${query} } }`)).toBe(MAX_AMOUNT);
    expect(cost('query($n: Int) { tasks(first: $n) { edges { node { title } } } }', { n: Infinity })).toBe(MAX_AMOUNT);
    expect(cost('query($n: Int) { tasks(first: $n) { edges { node { title } } } }', { n: Number.NaN })).toBe(
      1 + 10 * 2,
    );
    expect(cost(`query($x: Boolean!) { ... @include(if: $x) { me { ${query} } } }`, { x: false })).toBe(0);
  });
});
