import { describe, expect, it } from '@jest/globals';
import { buildSchema, Kind, parse, validate, type FragmentDefinitionNode, type OperationDefinitionNode } from 'graphql';
import { toNormalOperation } from './normal-operation.js';

const schema = buildSchema(`
  scalar JSON
  directive @defer(label: String, if: Boolean) on FRAGMENT_SPREAD | INLINE_FRAGMENT
  enum Status { OPEN DONE }
  input Filter { text: String, status: Status, min: Int, ratio: Float, ids: [ID!], any: [Filter!], isMine: Boolean, extra: JSON }
  type Task { id: ID! title(style: String): String next(filter: Filter): Task }
  type Query { task(id: ID!): Task tasks(filter: Filter, extra: JSON): [Task!]! }
`);

function normalize(text: string) {
  const document = parse(text);
  expect(validate(schema, document)).toEqual([]);
  const node = document.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;
  const fragments = document.definitions.filter(
    (each): each is FragmentDefinitionNode => each.kind === Kind.FRAGMENT_DEFINITION,
  );
  const supergraph = { schema } as Parameters<typeof toNormalOperation>[0]['supergraph'];
  const normal = toNormalOperation({
    node,
    fragments: new Map(fragments.map((each) => [each.name.value, each])),
    supergraph,
  });
  if (normal.text !== null) expect(validate(schema, parse(normal.text))).toEqual([]);
  return normal;
}

describe('an operation as it is recorded', () => {
  it('has no literal of its client, but the names of the schema', () => {
    const { text, name } = normalize(`query Find($mine: Boolean = true) {
      tasks(filter: { text: "a secret", status: OPEN, min: 1234, ratio: 1.5, ids: ["x", "y"], isMine: $mine, any: [{ min: 7 }, { min: 8 }] }) { id }
    }`);
    expect(name).toBe('Find');
    expect(text).toBe(
      'query Find($mine:Boolean=false){tasks(filter:{text:"" status:OPEN min:0 ratio:0 ids:[""]isMine:$mine any:[{min:0}]}){id}}',
    );
  });

  it('has nothing of what stands in a scalar of the graph', () => {
    const { text } = normalize('{ tasks(filter: { extra: { ada: [SECRET] } }, extra: [{ eve: 1 }]) { id } }');
    expect(text).not.toMatch(/ada|eve|SECRET/);
  });

  it('is the same, whatever aliases, literals, labels and white space are', () => {
    const one = normalize('{ a1: task(id: "1") { id } a2: task(id: "2") { id }   a3: task(id: "3") { id } }');
    expect(one.text).toBe('{task(id:""){id}}');
    expect(normalize('{ task(id: 9) { id } }').id).not.toBe(one.id);
    expect(normalize('{ other: task(id: "9") { number: id } }').id).toBe(one.id);
    expect(normalize('{ task(id: "1") { ... @defer(label: "x") { id } } }').text).toBe('{task(id:""){...@defer{id}}}');
  });

  it('tells fields apart that have other arguments, conditions, and the fragments that it spreads', () => {
    const { text } = normalize(`query Two($a: ID!, $b: ID!, $yes: Boolean!) {
      one: task(id: $a) { ...Line } two: task(id: $b) @include(if: $yes) { id @skip(if: true) }
    }
    fragment Line on Task { short: title(style: "a") ...Deep }
    fragment Deep on Task { next(filter: { status: DONE }) { id } }`);
    expect(text).toBe(
      'query Two($a:ID!$b:ID!$yes:Boolean!){task(id:$a){...Line}task_2:task(id:$b)@include(if:$yes){id@skip(if:true)}}' +
        'fragment Line on Task{title(style:"")...Deep}fragment Deep on Task{next(filter:{status:DONE}){id}}',
    );
  });

  it('has no text where that would be too long', () => {
    const many = Array.from({ length: 3_000 }, (_, index) => `$v${index}: ID`).join(' ');
    const uses = Array.from({ length: 3_000 }, (_, index) => `task(id: $v${index}) { id }`);
    const lists = uses.map((use, index) => `a${index}: ${use}`).join(' ');
    expect(normalize(`query Long(${many.replaceAll(': ID', ': ID!')}) { ${lists} }`)).toMatchObject({
      name: 'Long',
      text: null,
    });
  });
});
