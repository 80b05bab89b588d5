import { readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { describe, expect, it } from '@jest/globals';
import { isObjectType, Kind, parse, validate, type OperationDefinitionNode } from 'graphql';
import { prepareSupergraph } from '../../src/supergraph/prepared-supergraph.js';

/** Operations that belong to services which do not exist yet. The list cannot rot: once one of them validates, it fails. */
const NOT_YET_SERVED = ['AuditEvents', 'DataExport', 'DeleteMyAccount', 'RequestDataExport'];

const { sdl: supergraphSdl } = prepareSupergraph(
  readFileSync(new URL('../../supergraph.graphql', import.meta.url), 'utf8'),
);
const apiSchema = Supergraph.build(supergraphSdl).apiSchema().toGraphQLJSSchema();
const operations = parse(readFileSync(new URL('./operations.graphql', import.meta.url), 'utf8')).definitions.filter(
  (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
);

/** Validation says nothing about an operation whose root type is missing. */
function faultsOf(operation: OperationDefinitionNode): string[] {
  if (!apiSchema.getRootType(operation.operation)) return [`there is no root type for a ${operation.operation}`];
  return validate(apiSchema, { kind: Kind.DOCUMENT, definitions: [operation] }).map(({ message }) => message);
}

describe('the operations that frontends send', () => {
  const served = operations.filter(({ name }) => !NOT_YET_SERVED.includes(name?.value ?? ''));

  it.each(served.map((operation) => [operation.name?.value ?? '', operation] as const))(
    '%s is valid',
    (_name, operation) => {
      expect(faultsOf(operation)).toEqual([]);
    },
  );

  it('are all there but for those that no service answers yet', () => {
    const invalid = operations.filter((operation) => faultsOf(operation).length > 0);
    expect(invalid.map(({ name }) => name?.value).sort()).toEqual(NOT_YET_SERVED);
  });
});

describe('the API schema', () => {
  it('hides what services keep between themselves', () => {
    const media = apiSchema.getType('Media');
    expect(isObjectType(media) && Object.keys(media.getFields())).toEqual(
      expect.arrayContaining(['id', 'tasks', 'url']),
    );
    expect(isObjectType(media) && Object.keys(media.getFields())).not.toContain('attachedToVisibleTask');
  });

  it('describes every type, argument input and operation field', () => {
    const silent: string[] = [];
    for (const type of Object.values(apiSchema.getTypeMap())) {
      if (
        type.name.startsWith('__') ||
        ['String', 'Int', 'Float', 'Boolean', 'ID', 'Query', 'Mutation', 'Subscription'].includes(type.name)
      )
        continue;
      if (!type.description) silent.push(type.name);
    }
    for (const root of [apiSchema.getQueryType(), apiSchema.getMutationType(), apiSchema.getSubscriptionType()]) {
      for (const field of Object.values(root?.getFields() ?? {}))
        if (!field.description) silent.push(`${root?.name}.${field.name}`);
    }
    expect(silent).toEqual([]);
  });
});
