import { readFileSync } from 'node:fs';
import { Supergraph } from '@apollo/federation-internals';
import { describe, expect, it } from '@jest/globals';
import {
  getIntrospectionQuery,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  print,
  validate,
  type OperationDefinitionNode,
} from 'graphql';
import { readGatewayConfig } from '../../src/config.js';
import { createCostModel } from '@taskgraph/federation-engine/internal/compile/cost/cost-model.js';
import { evaluateCosts } from '@taskgraph/federation-engine/internal/compile/cost/subgraph-costs.js';
import { readDocument } from '@taskgraph/federation-engine/internal/compile/document/read-document.js';
import { createOperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { validateOperation } from '@taskgraph/federation-engine/internal/compile/valid-operation.js';
import { prepareSupergraph } from '@taskgraph/federation-engine/internal/supergraph/planner/prepared-supergraph.js';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';

/** Operations that belong to services which do not exist yet. The list cannot rot: once one of them validates, it fails. */
const NOT_YET_SERVED: readonly string[] = [];

const text = readFileSync(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
const { sdl: supergraphSdl } = prepareSupergraph(text);
const apiSchema = Supergraph.build(supergraphSdl).apiSchema().toGraphQLJSSchema();
const operations = parse(
  readFileSync(new URL('../../contract/operations.graphql', import.meta.url), 'utf8'),
).definitions.filter(
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

/** What GraphiQL, Apollo Sandbox and generators of code send first. */
const INTROSPECTION: ReadonlyArray<readonly [string, string]> = [
  ['introspection', getIntrospectionQuery()],
  [
    'introspection with everything',
    getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    }),
  ],
];

describe('admission', () => {
  const { documentLimits, MAX_OPERATION_COST, ASSUMED_LIST_SIZE } = readGatewayConfig({});
  const supergraph = buildSupergraph(text);
  const costs = createCostModel(supergraph.schema, supergraph.costs, ASSUMED_LIST_SIZE);
  const texts = operations
    .filter(({ name }) => !NOT_YET_SERVED.includes(name?.value ?? ''))
    .map((operation) => [operation.name?.value ?? '', print(operation)] as const);

  it.each([...texts, ...INTROSPECTION])('lets %s pass, with pages of any size that is served', (_name, query) => {
    const document = readDocument(supergraph.schema, query, documentLimits);
    const { cost } = validateOperation(supergraph, document, undefined, { costs, introspection: true });
    for (const variables of [{}, { first: 50 }, { first: 100 }]) {
      expect(cost.fault(variables)).toBeNull();
      expect(cost.estimate(variables)).toBeLessThanOrEqual(MAX_OPERATION_COST);
    }
  });

  it.each(texts)('plans %s so that subgraphs, which take the double, refuse nothing of it', async (_name, query) => {
    const limits = { maxBytes: 1e7, limits: documentLimits, introspection: true, assumedListSize: ASSUMED_LIST_SIZE };
    const { subgraphCosts } = await createOperationCache(supergraph, limits).get(query, undefined);
    expect(subgraphCosts.size).toBeGreaterThan(0);
    for (const variables of [{}, { first: 50 }, { first: 100 }])
      for (const cost of Object.values(evaluateCosts(subgraphCosts, variables)))
        expect(cost).toBeLessThanOrEqual(MAX_OPERATION_COST);
  });

  it('refuses many passwords, many uploads and pages in pages in pages', () => {
    const costOf = (query: string) => {
      const document = parse(query);
      return validateOperation(supergraph, document, undefined, { costs, introspection: true }).cost.estimate({});
    };
    const logins = Array.from(
      { length: 100 },
      (_, index) => `a${index}: login(input: { email: "a", password: "b" }) { __typename }`,
    );
    expect(costOf(`mutation { ${logins.join(' ')} }`)).toBeGreaterThan(MAX_OPERATION_COST);
    const page = (inner: string) => `tasks(first: 100) { edges { node { owner { ${inner} } } } }`;
    expect(costOf(`{ ${page(page('id'))} }`)).toBeGreaterThan(MAX_OPERATION_COST);
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

  it('has one interface that each problem implements, so that clients handle those that they do not know', () => {
    const problem = apiSchema.getType('Problem');
    if (!isInterfaceType(problem)) throw new Error('There is no interface Problem.');
    const named = Object.values(apiSchema.getTypeMap()).filter(({ name }) => /.Problem$/.test(name));
    expect(named.length).toBeGreaterThan(5);
    expect(
      apiSchema
        .getPossibleTypes(problem)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(named.map(({ name }) => name).sort());
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
