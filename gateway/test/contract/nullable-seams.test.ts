import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  buildASTSchema,
  getDirectiveValues,
  isNonNullType,
  isObjectType,
  parse,
  type FieldDefinitionNode,
  type GraphQLObjectType,
} from 'graphql';

const schema = buildASTSchema(parse(readFileSync(new URL('../../supergraph.graphql', import.meta.url), 'utf8')), {
  assumeValid: true,
});
const JOIN_FIELD = schema.getDirective('join__field');
const fieldsOf = (type: GraphQLObjectType | null | undefined) => Object.values(type?.getFields() ?? {});

/** The subgraphs that resolve a field; none are named where all that know the type do (the key). */
function graphsOf(type: GraphQLObjectType, name: string): string[] {
  const directives = type.getFields()[name]?.astNode?.directives ?? [];
  return directives
    .filter((directive) => directive.name.value === 'join__field')
    .flatMap((directive) => {
      const graph = JOIN_FIELD && getDirectiveValues(JOIN_FIELD, { directives: [directive] })?.['graph'];
      return typeof graph === 'string' ? [graph] : [];
    });
}

/** Null goes up to the next place that may be null, so a subgraph that is away must not reach what others have answered. */
describe('what is answered by different subgraphs', () => {
  const { Query: query, Mutation: mutation } = Object.fromEntries(
    [schema.getQueryType(), schema.getMutationType()].map((type) => [type?.name, type]),
  );

  it.each([query, mutation].flatMap((type) => fieldsOf(type).map((field) => [`${type?.name}.${field.name}`, field])))(
    '%s may be null: it is selected beside others',
    (_name, field) => {
      expect(isNonNullType((field as { type: object }).type)).toBe(false);
    },
  );

  const entities = fieldsOf(query)
    .filter(({ name, args }) => args.some((argument) => argument.name === 'id') && schema.getType(capital(name)))
    .map(({ name }) => ({ type: schema.getType(capital(name)), home: query && graphsOf(query, name)[0] }));

  it('are entities that one subgraph answers by their id', () => {
    expect(entities.map(({ type, home }) => [type?.name, home])).toEqual([
      ['User', 'AUTH'],
      ['DataExport', 'MEDIA'],
      ['Media', 'MEDIA'],
      ['Task', 'TASK'],
    ]);
  });

  it('may be null where another subgraph adds to an entity', () => {
    const added = entities.flatMap(({ type, home }) =>
      isObjectType(type)
        ? fieldsOf(type)
            .filter(({ name, astNode }) => !isHidden(astNode) && graphsOf(type, name).some((graph) => graph !== home))
            .map((field) => [`${type.name}.${field.name}`, isNonNullType(field.type)])
        : [],
    );
    expect(added).toContainEqual(['User.tasks', false]);
    expect(added.filter(([, isRequired]) => isRequired)).toEqual([]);
  });
});

function isHidden(node: FieldDefinitionNode | null | undefined): boolean {
  return node?.directives?.some(({ name }) => name.value === 'inaccessible') ?? false;
}

function capital(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
