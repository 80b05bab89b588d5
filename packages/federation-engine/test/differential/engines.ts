import { ApolloGateway, type GraphQLDataSource } from '@apollo/gateway';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { composeServices } from '@apollo/composition';
import { SILENT } from '../../src/request/log.js';
import { createHash } from 'node:crypto';
import {
  execute,
  executeSync,
  OperationTypeNode,
  OverlappingFieldsCanBeMergedRule,
  parse,
  print,
  validate,
  type DocumentNode,
  type GraphQLFormattedError,
  type GraphQLSchema,
  type ValidationRule,
} from 'graphql';
import { DEFAULT_LIMITS } from '../../src/engine-parts.js';
import type { OperationResult } from '../../src/execute/operation-result.js';
import { finish } from '../../src/execute/finish.js';
import { createExecution, runNested, runOperation } from '../../src/execute/run-operation.js';
import { bodyOf, type SubgraphClient } from '../../src/subgraphs/subgraph-client.js';
import { labelDeferred } from '../../src/compile/plan/defer-labels.js';
import { setResponseNamesApart } from '../../src/compile/plan/response-names.js';
import { withoutFixedConditions } from '../../src/compile/plan/fixed-conditions.js';
import { createOperationCache } from '../../src/compile/operation-cache.js';
import { buildSupergraph } from '../build-supergraph.js';
import type { GeneratedOperation } from './generate-operation.js';
import type { GeneratedSubgraph } from './generate-graph.js';

export interface EngineError {
  readonly message: string;
  readonly path: string;
  readonly subgraph: string;
}

export interface EngineAnswer {
  readonly data: unknown;
  readonly errors: readonly EngineError[];
  /** What graphql-js makes of the data that were fetched: the specification's own view of them. */
  completed(): unknown;
  /** Whether the plan renames members between fetches. */
  renames(): boolean;
  /** The operation as it is planned. */
  planned(): string;
  /** The engine threw in the place of an answer. */
  readonly crashed: boolean;
}

export interface Engines {
  readonly schema: GraphQLSchema;
  ours(operation: GeneratedOperation): Promise<EngineAnswer>;
  /** By the engine, for a client that reads an answer in parts, or not. */
  result(operation: GeneratedOperation, incremental: boolean): Promise<OperationResult>;
  /** Answers of subgraphs so far that had an error, or lacked an entity. */
  readonly faults: () => number;
  stock(operation: GeneratedOperation): Promise<EngineAnswer>;
  stop(): Promise<void>;
}

const silent = SILENT;
const NAMES_MEET = [OverlappingFieldsCanBeMergedRule];

/** Puts both engines in front of the same subgraphs, in one process. @throws when the subgraphs do not compose */
export async function startEngines(subgraphs: readonly GeneratedSubgraph[]): Promise<Engines> {
  const { supergraphSdl, errors } = composeServices(
    subgraphs.map(({ name, typeDefs }) => ({ name, typeDefs: parse(typeDefs), url: `http://${name}.test` })),
  );
  if (!supergraphSdl) throw new Error(errors?.map(({ message }) => message).join('\n') ?? 'no supergraph');
  const schemas = new Map(
    subgraphs.map(({ name, typeDefs, resolvers }) => [
      name,
      buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers: resolvers as never }]),
    ]),
  );
  /**
   * Parsed and validated by subgraph and text. The planner may let names of different types meet, which both engines then send; that is all
   * that is looked for in what stock sends, since to validate takes longer than to execute.
   */
  const documents = new Map<string, DocumentNode | { readonly errors: readonly GraphQLFormattedError[] }>();
  const documentOf = (schema: GraphQLSchema, subgraph: string, query: string, rules?: readonly ValidationRule[]) => {
    const key = `${rules ? 'stock' : 'ours'} ${subgraph} ${query}`;
    const known = documents.get(key);
    if (known) return known;
    const document = parse(query);
    const errors = validate(schema, document, rules);
    const made = errors.length > 0 ? { errors: errors.map((error) => error.toJSON()) } : document;
    documents.set(key, made);
    return made;
  };
  const ask = async (
    subgraph: string,
    query: string,
    variables: Record<string, unknown>,
    { operationName = null, rules }: { operationName?: string | null | undefined; rules?: readonly ValidationRule[] },
  ) => {
    const schema = schemas.get(subgraph);
    if (!schema) throw new Error(`there is no subgraph ${subgraph}`);
    const document = documentOf(schema, subgraph, query, rules);
    const answer =
      'errors' in document
        ? document
        : await execute({ schema, document, variableValues: variables, operationName: operationName ?? null });
    // What comes over a network is shared with nobody.
    return JSON.parse(JSON.stringify(answer)) as {
      data: Record<string, unknown> | null;
      errors?: GraphQLFormattedError[];
    };
  };

  const supergraph = buildSupergraph(supergraphSdl);
  const operations = createOperationCache(supergraph, {
    maxBytes: 1e9,
    limits: DEFAULT_LIMITS,
    assumedListSize: 10,
    introspection: true,
  });
  let faults = 0;
  const client: SubgraphClient = {
    async send(request) {
      const { subgraph } = request;
      const { query, variables, operationName } = JSON.parse(bodyOf(request)) as {
        query: string;
        variables: Record<string, unknown>;
        operationName?: string;
      };
      const { data, errors: failures } = await ask(subgraph, query, variables, { operationName });
      if (failures || (data?.['_entities'] as unknown[] | undefined)?.includes(null)) faults += 1;
      return { data, errors: failures ?? [], policy: null };
    },
  };

  const gateway = new ApolloGateway({
    supergraphSdl,
    logger: silent,
    buildService: ({ name }): GraphQLDataSource => ({
      process: ({ request: { query, variables, operationName } }) =>
        ask(name, query ?? '', variables as Record<string, unknown>, { operationName, rules: NAMES_MEET }),
    }),
  });
  const { executor } = await gateway.load();

  return {
    schema: supergraph.schema,
    faults: () => faults,
    async result({ query, variables }, incremental) {
      const { compiled } = await operations.get(query, undefined);
      return runOperation(compiled, {
        variables,
        context: { log: silent, requestId: 'differential' } as never,
        client,
        signal: new AbortController().signal,
        incremental,
      });
    },
    async ours({ query, variables }) {
      const { base, plan, compiled } = await operations.get(query, undefined);
      const { document } = labelDeferred(setResponseNamesApart(base.document, supergraph.plannerNames));
      const execution = createExecution(compiled, {
        variables,
        context: { log: silent, requestId: 'differential' } as never,
        client,
        signal: new AbortController().signal,
      });
      if (compiled.step) await runNested(compiled.step, execution);
      const { data, errors: failures } = finish(compiled, execution);
      return {
        data: JSON.parse(data) as unknown,
        errors: failures.map(({ message, path, subgraph }) => ({
          message,
          path: path?.join('.') ?? '',
          subgraph: subgraph ?? '',
        })),
        renames: () => JSON.stringify(plan).includes('KeyRenamer'),
        planned: () => print(document),
        crashed: false,
        completed: () => complete(supergraph.schema, document, variables, execution.root),
      };
    },
    async stock({ query, variables }) {
      const { clientPath } = (await operations.get(query, undefined)).compiled;
      // Stock fetches what `@include(if: false)` leaves out where a variable decides about all of a fetch, and tells its errors.
      const document = withoutFixedConditions(parse(query));
      const source = print(document);
      const answer = (await executor({
        request: { query: source, variables },
        document,
        source,
        queryHash: createHash('sha256').update(source).digest('hex'),
        operationName: 'Generated',
        operation: { operation: OperationTypeNode.QUERY },
        context: {},
        metrics: {},
        cache: {},
        logger: silent,
        schema: gateway.schema,
      } as never).catch((error: unknown) => {
        // A list of lists with null in it, in the way of a fetch.
        if (error instanceof TypeError) return null;
        throw error;
      })) as unknown as {
        data?: unknown;
        errors?: Array<GraphQLFormattedError & { extensions?: { serviceName?: string } }>;
      } | null;
      const { data, errors: failures } = answer ?? {};
      return {
        data: JSON.parse(JSON.stringify(data ?? null)) as unknown,
        errors: (failures ?? []).map(({ message, path, extensions }) => ({
          message,
          // Stock tells errors in fields that nobody selected at these fields.
          path: path?.includes('@') ? path.join('.') : clientPath(path ?? []).join('.'),
          subgraph: extensions?.serviceName ?? '',
        })),
        renames: () => false,
        planned: () => query,
        crashed: answer === null,
        completed: () => null,
      };
    },
    stop: () => gateway.stop(),
  };
}

function complete(
  schema: GraphQLSchema,
  document: DocumentNode,
  variableValues: Record<string, unknown>,
  rootValue: unknown,
): unknown {
  const { data } = executeSync({
    schema,
    document,
    rootValue,
    variableValues,
    fieldResolver: (source: Record<string, unknown>, _args, _context, { path }) => source[path.key],
    typeResolver: (value: { __typename?: string }) => value.__typename,
  });
  return JSON.parse(JSON.stringify(data)) as unknown;
}
