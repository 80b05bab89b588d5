import { describe, expect, it } from '@jest/globals';
import { buildSchema, execute, parse, type GraphQLResolveInfo } from 'graphql';
import { columnsByField, selectedFields, unconditionalFields } from './selected-fields.js';

const schema = buildSchema(`
  type Query { things: Connection  any: [Any] }
  type Connection { edges: [Edge]  totalCount: Int }
  type Edge { node: Thing  cursor: String }
  type Thing { id: ID  name: String  size: Int }
  type Other { id: ID  colour: String }
  union Any = Thing | Other
`);

/** What a resolver of the first root field is told. */
function infoOf(query: string): GraphQLResolveInfo {
  let found: GraphQLResolveInfo | undefined;
  void execute({
    schema,
    document: parse(query),
    variableValues: { no: false },
    fieldResolver: (_source, _args, _context, info) => {
      found ??= info;
      return null;
    },
  });
  return found as GraphQLResolveInfo;
}

describe('selectedFields', () => {
  it('tells what is selected down a path, through fragments, aliases and repeated fields', () => {
    const info = infoOf(`query($no: Boolean!) {
      things { edges { node { a: name } } edges { node { ...More } cursor } }
      things { totalCount @include(if: $no) ... { edges { node { __typename } } } } }
      fragment More on Thing { size }`);
    expect(selectedFields(info, 'Thing', 'edges', 'node')).toEqual(new Set(['name', 'size', '__typename']));
    expect(selectedFields(info, 'Connection')).toEqual(new Set(['edges', 'totalCount']));
    expect(selectedFields(info, 'Edge', 'edges')).toEqual(new Set(['node', 'cursor']));
  });

  it('tells the members of a union apart', () => {
    const info = infoOf('{ any { ... on Thing { id name } ... on Other { colour } } }');
    expect(selectedFields(info, 'Thing')).toEqual(new Set(['id', 'name']));
    expect(selectedFields(info, 'Other')).toEqual(new Set(['colour']));
  });

  it('answers the same place of a document with the same set', () => {
    const info = infoOf('{ things { edges { node { id } } } }');
    expect(selectedFields(info, 'Thing', 'edges', 'node')).toBe(selectedFields(info, 'Thing', 'edges', 'node'));
  });
});

describe('unconditionalFields', () => {
  it('are those that are selected whatever variables say, by response name', () => {
    const info = infoOf(`query($no: Boolean!) {
      things { edges { node { a: name size ...More } } }
      things { edges { node { b: name @skip(if: $no) } } edges @include(if: $no) { node { c: name } } ... @include(if: $no) { edges { node { d: name } } } } }
      fragment More on Thing { a: name ... on Thing { e: name } }`);
    const names = unconditionalFields(info, 'edges', 'node', 'name').map((nodes) =>
      nodes.map(({ alias }) => alias?.value),
    );
    expect(names).toEqual([['a', 'a'], ['e']]);
    expect(unconditionalFields(info, 'edges', 'node', 'nothing')).toEqual([]);
  });
});

describe('columnsByField', () => {
  const columns = columnsByField((text) => ({ text }), ['t.id'], { name: ['t.name'], url: ['t.status', 't.name'] });

  it('names each column once, and those that are always read', () => {
    expect(columns(new Set(['url', 'name', '__typename', 'toString'])).sql).toEqual({ text: 't.id, t.name, t.status' });
    expect(columns(new Set(), 'name').name).toBe('t.id, t.name');
  });

  it('is the same object for the same set', () => {
    const fields = new Set(['name']);
    expect(columns(fields)).toBe(columns(fields));
    expect(columns(fields, 'url')).not.toBe(columns(fields));
  });
});
