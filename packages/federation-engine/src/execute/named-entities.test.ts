import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  buildSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  parse,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { fragmentsOf } from '../compile/document/measure-document.js';
import { prepareEntityNames, type Selected } from '../compile/entity-names.js';
import { collectFields } from '../compile/write/collect-fields.js';
import type { Data } from '../request/data.js';
import { findNamedEntities } from './named-entities.js';

const schema = buildSchema(`
  interface Node { id: ID! }
  interface Owned implements Node { id: ID! owner: User }
  type User implements Node { id: ID! name: String tasks: [Task!] }
  type Task implements Node & Owned { id: ID! owner: User media: [[Media]] parent: Task any: Any mediaId: ID }
  type Media implements Node & Owned { id: ID! owner: User nodes: [Node] taskId: ID }
  type Payload { task: Task any: Any nodes: [Node] userId: ID mediaId: ID }
  union Any = Task | Media | Payload
  type Query { x: Int }
  type Mutation { change: Payload changes: [Payload] node: Node owned: [Owned] taskId: ID }
`);

const OPERATIONS = [
  'mutation { change { task { id } userId } taskId }',
  'mutation { changes { task { owner { name } parent { id owner { id } } } mediaId } }',
  'mutation { change { any { ... on Task { media { id owner { id } } } ... on Media { taskId } ... on Payload { userId } } } }',
  'mutation { node { id ... on Owned { owner { tasks { mediaId } } } ... on Task { owner { id } any { __typename } } } }',
  'mutation { owned { ... on Node { id ... on Media { nodes { id ... on User { tasks { id } } } } } } }',
  'mutation { ...F change { ...P nodes { ...N } } } fragment F on Mutation { change { any { ...P } } } fragment P on Payload { task { ...N } mediaId } fragment N on Node { id ... on Task { parent { ...O } } } fragment O on Owned { owner { id } }',
];

function read(text: string): Selected {
  const document = parse(text);
  const [node] = document.definitions as unknown as [OperationDefinitionNode];
  const typesWithin = (name: string) => {
    const type = schema.getType(name);
    return new Set([name, ...(isAbstractType(type) ? schema.getPossibleTypes(type).map((each) => each.name) : [])]);
  };
  return {
    supergraph: { schema, typesWithin },
    node,
    fragments: fragmentsOf(document),
    rootType: schema.getMutationType() as GraphQLObjectType,
  };
}

const sorted = (texts: Iterable<string>) => [...new Set(texts)].sort();

/** What an answer names, found by reading the selections anew for each of its objects. */
function reference({ fragments, rootType, node }: Selected, root: Data) {
  const entities: string[] = [];
  const unidentified: string[] = [];
  const note = (object: Data, type: GraphQLCompositeType) => {
    const types = isAbstractType(type) ? schema.getPossibleTypes(type) : [type as GraphQLObjectType];
    const names = sorted(types.flatMap((each) => [each.name, ...each.getInterfaces().map(({ name }) => name)]));
    if (typeof object['id'] === 'string') entities.push(...names.map((name) => `${name} ${String(object['id'])}`));
    else unidentified.push(...names);
  };
  const walk = (value: unknown, declared: GraphQLCompositeType, sets: readonly SelectionSetNode[]): void => {
    if (Array.isArray(value)) for (const item of value) walk(item, declared, sets);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const object = value as Data;
    const told = typeof object['__typename'] === 'string' ? schema.getType(object['__typename']) : undefined;
    const type = isCompositeType(told) ? told : declared;
    if (object !== root) note(object, type);
    for (const [name, fields] of collectFields({ schema, fragments, conditions: new Map() }, type, sets)) {
      const definition = 'getFields' in type ? type.getFields()[fields[0]?.name.value ?? ''] : undefined;
      const mentioned = /^(user|task|media)Id$/.exec(definition?.name ?? '')?.[1];
      if (mentioned && typeof object[name] === 'string')
        entities.push(`${mentioned.charAt(0).toUpperCase()}${mentioned.slice(1)} ${object[name]}`);
      const inner = definition && getNamedType(definition.type);
      if (inner && isCompositeType(inner))
        walk(
          object[name],
          inner,
          fields.flatMap(({ selectionSet }) => selectionSet ?? []),
        );
    }
  };
  walk(root, rootType, [node.selectionSet]);
  return { entities: sorted(entities), unidentified };
}

const id = fc.constantFrom('1', '2', '3');
const { root } = fc.letrec((tie) => {
  const maybe = (name: string) => fc.option(tie(name), { nil: null, depthIdentifier: 'tree', maxDepth: 6 });
  const list = (name: string) => fc.array(maybe(name), { maxLength: 2, depthIdentifier: 'tree' });
  /** An object that says its type only where it has to. */
  const object = (typename: string, members: Record<string, fc.Arbitrary<unknown>>, isTold: boolean) =>
    fc.record({ __typename: fc.constant(typename), ...members }, { requiredKeys: isTold ? ['__typename'] : [] });
  const ofType = (isTold: boolean) => ({
    User: object('User', { id, tasks: list('Task') }, isTold),
    Task: object(
      'Task',
      {
        id,
        owner: maybe('User'),
        media: fc.array(list('Media'), { maxLength: 2 }),
        parent: maybe('Task'),
        any: maybe('Any'),
        mediaId: id,
      },
      isTold,
    ),
    Media: object('Media', { id, owner: maybe('User'), nodes: list('Node'), taskId: id }, isTold),
    Payload: object(
      'Payload',
      { task: maybe('Task'), any: maybe('Any'), nodes: list('Node'), userId: id, mediaId: id },
      isTold,
    ),
  });
  const told = ofType(true);
  return {
    ...ofType(false),
    Any: fc.oneof(told.Task, told.Media, told.Payload),
    Node: fc.oneof(told.User, told.Task, told.Media),
    Owned: fc.oneof(told.Task, told.Media),
    root: fc.record({
      change: maybe('Payload'),
      changes: list('Payload'),
      node: maybe('Node'),
      owned: list('Owned'),
      taskId: id,
    }),
  };
}) as { root: fc.Arbitrary<Data> };

describe('what an answer names', () => {
  it.each(OPERATIONS)('is what reading the selections for each object finds: %s', (text) => {
    const operation = read(text);
    let count = 0;
    fc.assert(
      fc.property(root, (data) => {
        const { entities, types } = findNamedEntities(prepareEntityNames(operation), data);
        const expected = reference(operation, data);
        expect(sorted(entities.map(({ typename, id: own }) => `${typename} ${own}`))).toEqual(expected.entities);
        // Of what could not be identified, more is said by what its type declares.
        expect(types).toEqual(expect.arrayContaining(expected.unidentified));
        expect(types.length === 0).toBe(expected.unidentified.length === 0);
        count += entities.length;
      }),
      { numRuns: 400 },
    );
    expect(count).toBeGreaterThan(100);
  });

  it('is what has come, whatever conditions say: the planner asks for keys on its own account', () => {
    const operation = read(
      'mutation($no: Boolean!) { change { task @include(if: $no) { id owner @skip(if: true) { id } } } }',
    );
    const task = { id: '1', owner: { id: '2' } };
    expect(
      findNamedEntities(prepareEntityNames(operation), { change: { __typename: 'Payload', task } }).entities,
    ).toEqual(
      expect.arrayContaining([
        { typename: 'Task', id: '1' },
        { typename: 'User', id: '2' },
      ]),
    );
  });

  it('may be of any type that an object can be of, where the data do not tell', () => {
    const { entities, types } = findNamedEntities(
      prepareEntityNames(read('mutation { node { id } change { any { ... on Task { id } } } }')),
      {
        node: { id: '1' },
        change: { any: {} },
      },
    );
    expect(sorted(entities.map(({ typename }) => typename))).toEqual(['Media', 'Node', 'Owned', 'Task', 'User']);
    expect(types).toEqual(expect.arrayContaining(['Payload', 'Task', 'Media']));
    expect(types.filter((name) => !isObjectType(schema.getType(name)))).toEqual(['Node', 'Owned']);
  });
});
