import type {
  GatewayCachePolicy,
  GatewayExecutionResult,
  GatewayGraphQLRequestContext,
  GatewayInterface,
  GatewaySchemaLoadOrUpdateCallback,
} from '@apollo/server-gateway-interface';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { assertOptions, assertRequestOf } from './assert-options.js';
import type { EngineOptions } from './engine-options.js';
import { createEngineParts } from './engine-parts.js';
import { toEngine, type Engine } from './engine.js';
import { subgraphOf } from './execute/client-errors.js';
import type { CacheHint } from './subgraphs/cache-policy.js';
import type { EngineRequest, TracedRequest } from './engine-request.js';
import { SILENT } from './request/log.js';
import { openTraces, tellErrors } from './run-traces.js';

interface ApolloGatewayOptions extends EngineOptions {
  /** What of a request goes to the engine beside the operation, from the context that `context` of Apollo Server has made. */
  readonly requestOf?: (
    context: GatewayGraphQLRequestContext,
  ) => Pick<EngineRequest, 'headers' | 'identity' | 'signal' | 'address' | 'requestId'>;
}

/**
 * Makes the engine a `gateway` of Apollo Server: `new ApolloServer({ gateway: createApolloGateway({ supergraph }) })`. Apollo Server
 * parses, validates and reports; its plugins see every request.
 */
export function createApolloGateway(options: ApolloGatewayOptions): GatewayInterface & { engine(): Engine } {
  const { requestOf = headersOf, ...engineOptions } = options;
  assertRequestOf(options.requestOf);
  assertOptions(engineOptions);
  const { inside, log = SILENT } = engineOptions;
  const listeners = new Set<GatewaySchemaLoadOrUpdateCallback>();
  let engine: Engine | null = null;

  const tell = (listener: GatewaySchemaLoadOrUpdateCallback) => {
    if (engine) listener({ apiSchema: engine.schema(), coreSupergraphSdl: engine.parts.supergraphSdl() });
  };
  const parts = createEngineParts({
    ...engineOptions,
    inside: {
      ...inside,
      onSwap() {
        inside?.onSwap?.();
        listeners.forEach(tell);
      },
    },
  });

  async function execute(context: GatewayGraphQLRequestContext): Promise<GatewayExecutionResult> {
    const { source, operationName, request, metrics } = context;
    const traces = metrics.captureTraces === true ? await openTraces(log) : null;
    const traced: TracedRequest = {
      query: source,
      operationName,
      variables: request.variables,
      form: 'value',
      traces,
      ...requestOf(context),
    };
    const result = await started(engine).execute(traced);
    restrict(context, result.cacheHint);
    const tracedErrors = traces?.tell(metrics);
    if (result.errors.length > 0) tellErrors(metrics, result.errors, tracedErrors);
    const { data, extensions } = result.toJSON();
    return {
      ...(data !== undefined && { data }),
      ...(result.errors.length > 0 && { errors: result.errors.map(toError) }),
      ...(extensions && { extensions }),
    };
  }

  return {
    onSchemaLoadOrUpdate(callback) {
      listeners.add(callback);
      tell(callback);
      return () => void listeners.delete(callback);
    },
    async load() {
      try {
        await parts.start();
      } catch (error) {
        await parts.close();
        throw error;
      }
      engine = toEngine(parts, engineOptions);
      listeners.forEach(tell);
      return { executor: execute };
    },
    async stop() {
      if (engine) await engine.close();
      else await parts.close();
    },
    engine: () => started(engine),
  };
}

function started(engine: Engine | null): Engine {
  if (!engine) throw new Error('The engine has not been loaded: Apollo Server does that when it starts.');
  return engine;
}

function headersOf({ request }: GatewayGraphQLRequestContext): Pick<EngineRequest, 'headers'> {
  return { headers: request.http?.headers };
}

/** What its plugins may tell caches, and keep themselves. */
function restrict({ overallCachePolicy }: GatewayGraphQLRequestContext, hint: CacheHint): void {
  (overallCachePolicy as Partial<GatewayCachePolicy> | undefined)?.restrict?.(hint);
}

/**
 * Apollo Server formats and reports errors of this class. By `serviceName` its plugins know those of subgraphs, which are reported with
 * their subgraph; clients are not told of it, and so it is not enumerable.
 */
function toError(error: GraphQLFormattedError): GraphQLError {
  const { message, path, extensions } = error;
  const own = { ...extensions };
  const subgraph = subgraphOf(error);
  if (subgraph !== undefined) Object.defineProperty(own, 'serviceName', { value: subgraph });
  return new GraphQLError(message, { ...(path && { path }), ...(extensions && { extensions: own }) });
}
