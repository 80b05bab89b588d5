import { describe, expect, it } from '@jest/globals';
import { buildSchema, Kind, parse, type FragmentDefinitionNode, type OperationDefinitionNode } from 'graphql';
import { prepareCostEstimate } from './estimate-cost.js';

const schema = buildSchema(`
  type Query { me: User users(limit: Int): [User!]! tasks(first: Int = 20): TaskConnection }
  type Mutation { rename: User }
  type User { name: String friends: [User] }
  type TaskConnection { edges: [TaskEdge!]! totalCount: Int }
  type TaskEdge { node: Task }
  type Task { title: String owner: User }
`);

function cost(query: string, variables: Record<string, unknown> = {}) {
  const { definitions } = parse(query);
  const node = definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;
  const fragments = definitions.filter(
    (definition): definition is FragmentDefinitionNode => definition.kind === Kind.FRAGMENT_DEFINITION,
  );
  return prepareCostEstimate(
    schema,
    node,
    new Map(fragments.map((fragment) => [fragment.name.value, fragment])),
  )(variables);
}

describe('the estimated cost', () => {
  it.each([
    ['{ me { name } }', 1],
    ['mutation { rename { name } }', 11],
    ['{ users { name } }', 10],
    ['{ users(limit: 3) { name friends { name } } }', 3 * (1 + 10)],
    ['{ tasks { edges { node { title owner { name } } } } }', 1 + 20 * 3],
    ['{ tasks(first: 2) { edges { node { title } } } }', 1 + 2 * 2],
    ['{ ...F me { name } } fragment F on Query { me { friends { name } } }', 11 + 1],
  ])('of %s is %i', (query, expected) => {
    expect(cost(query)).toBe(expected);
  });

  it('follows variables and their defaults', () => {
    const query = 'query($n: Int = 4) { tasks(first: $n) { edges { node { title } } } }';
    expect(cost(query)).toBe(1 + 4 * 2);
    expect(cost(query, { n: 100 })).toBe(1 + 100 * 2);
  });
});
