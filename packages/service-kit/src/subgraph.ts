import type { IncomingMessage } from 'node:http';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { DocumentLimits } from '@taskgraph/federation-engine/documents';
import {
  GraphQLError,
  OperationTypeNode,
  type ASTVisitor,
  type DocumentNode,
  type GraphQLFormattedError,
  type GraphQLSchema,
  type ValidationContext,
} from 'graphql';
import { z } from 'zod';
import {
  createHttpService,
  type HttpServerConfig,
  type HttpServiceOptions,
  type Routes,
  type ServiceProcess,
} from './http-server.js';
import { AppError } from './app-error.js';
import { stopWhenAborted } from './cancellation.js';
import { createClientInfoReader } from './client-info.js';
import { createDocumentGate } from './document-gate.js';
import { resolveEntitiesTogether } from './entities.js';
import { contextMaker, renewLoadersAfterMutations, type ContextParts } from './fresh-loaders.js';
import { toClientError } from './graphql-errors.js';
import { createGraphQLRequests } from './graphql-requests.js';
import type { Health } from './health.js';
import { raw } from './http-app.js';
import { readIdempotencyKey } from './idempotency.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { RequestContext } from './request-context.js';
import { createCostGate, type CostGate } from './operation-costs.js';
import { readDeadline, refuseLateMutations } from './request-deadline.js';
import { requestFacts } from './request-identification.js';
import { enforceSecurityDirectives } from './security-directives.js';
import { ONLY_OVER_WEBSOCKETS } from './subscriptions/refuse-subscriptions.js';
import {
  serveSubscriptions,
  type SubgraphWebSocket,
  type SubscriptionLimits,
} from './subscriptions/subgraph-websocket.js';
import { documentLimits, documentSettings, DOCUMENT_ROOM, maxOperationCost, parseConfig } from './settings.js';
import { refuseUnstorableText } from './text.js';
import type { TokenVerifier } from './token-verifier.js';
import { activeSpan, type Tracing } from './tracing/span.js';
import type { ReadBody } from './uploads/multipart-requests.js';

export interface SubgraphOptions<Context extends RequestContext> {
  /** As in the supergraph. */
  readonly name: string;
  readonly config: HttpServerConfig;
  /** Whether strangers may ask for the schema, by introspection or as SDL, and are helped with its names. */
  readonly introspection?: boolean;
  /** Of a document; as in `documentSettings` when absent. */
  readonly documentLimits?: DocumentLimits;
  /** Of an operation, as `documentSettings` estimate it; infinite where none is refused for it. */
  readonly maxOperationCost?: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly tracing?: Tracing | null;
  readonly typeDefs: DocumentNode;
  /** A resolvers map that `satisfies CompleteResolvers`. */
  readonly resolvers: object;
  readonly verifier: TokenVerifier;
  /** The secrets by which a gateway signs what it tells of its clients: the present one and the one before. */
  readonly clientInfoSecrets?: readonly string[];
  /** Adds the database and the like to what every request carries; called once per execution. */
  readonly context: ContextParts<Context>['context'];
  /** Makes the loaders of an execution; called again when a mutation has changed what they may have read. */
  readonly loaders?: ContextParts<Context>['loaders'];
  /** Routes beside `/graphql`, e.g. the JWKS document or files. */
  readonly routes?: Routes;
  /** Reads what is sent to `/graphql` and is no JSON, e.g. multipart requests. */
  readonly readBody?: ReadBody;
  readonly onListen?: HttpServiceOptions['onListen'];
  /** Of subscriptions, where the schema has any. */
  readonly subscriptionLimits?: Partial<SubscriptionLimits>;
  /** Runs when readiness has gone and subscriptions are closed, before requests in flight are waited for. */
  readonly onDrain?: () => Promise<void>;
  readonly onClose?: ReadonlyArray<() => Promise<void>>;
}

const MAX_BODY_BYTES = 2 ** 20;
const DEFAULTS = parseConfig(z.object(documentSettings), {});
const DOCUMENT_LIMITS = documentLimits(DEFAULTS, DOCUMENT_ROOM);
const MAX_OPERATION_COST = maxOperationCost(DEFAULTS, DOCUMENT_ROOM);
const GRAPHQL_PATH = '/graphql';

/**
 * Creates a subgraph: Apollo Server, and the token verified here and not only at the gateway. Where the schema has subscriptions,
 * they are served over WebSockets at the same path.
 */
export async function createSubgraph<Context extends RequestContext>(
  options: SubgraphOptions<Context>,
): Promise<ServiceProcess> {
  const { name, log, metrics, verifier, introspection = false } = options;
  const schema = stopWhenAborted(
    refuseLateMutations(
      renewLoadersAfterMutations(
        enforceSecurityDirectives(
          refuseUnstorableText(
            resolveEntitiesTogether(
              buildSubgraphSchema([{ typeDefs: options.typeDefs, resolvers: options.resolvers as never }]),
            ),
          ),
        ),
      ),
    ),
  );
  const createContext = contextMaker<Context>(options);
  const clientInfoOf = createClientInfoReader({ secrets: options.clientInfoSecrets ?? [], metrics });
  const gate = createDocumentGate(schema, options.documentLimits ?? DOCUMENT_LIMITS);
  const costs = createCostGate(schema, options.maxOperationCost ?? MAX_OPERATION_COST);
  const apollo = new ApolloServer<Context>({
    schema,
    introspection,
    hideSchemaDetailsFromClientErrors: !introspection,
    validationRules: introspection ? [] : [NoServiceSdlRule],
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    includeStacktraceInErrorResponses: false,
    plugins: [
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ...cacheHints(schema),
      formatErrors<Context>(name, log),
      refuseDearOperations<Context>(costs),
    ],
    logger: log,
  });
  await apollo.start();

  async function toContext(request: IncomingMessage): Promise<Context> {
    const facts = requestFacts(request);
    const { authorization } = request.headers;
    const outcome = await verifier.verifyAuthorization(authorization);
    const viewer = outcome.kind === 'accepted' ? outcome.viewer : null;
    return createContext({
      requestId: facts.requestId,
      log: viewer ? facts.logOf({ userId: viewer.userId }) : facts.log,
      signal: facts.signal,
      deadline: readDeadline(request.headers),
      idempotencyKey: readIdempotencyKey(request.headers),
      viewer,
      tokenProblem: outcome.kind === 'refused' ? outcome.problem : null,
      authorization,
      clientInfo: clientInfoOf(request, facts),
    });
  }

  const serve = createGraphQLRequests({
    apollo,
    maxBodyBytes: MAX_BODY_BYTES,
    readBody: options.readBody,
    context: toContext,
    gate,
  });
  let subscriptions: SubgraphWebSocket | undefined;
  const service = await createHttpService({
    name,
    config: options.config,
    log,
    metrics,
    health: options.health,
    tracing: options.tracing ?? null,
    routes(app) {
      options.routes?.(app);
      // And nothing below it.
      app.all(GRAPHQL_PATH, raw(serve));
    },
    ...(options.onListen && { onListen: options.onListen }),
    async onDrain() {
      await subscriptions?.close();
      await options.onDrain?.();
    },
    onClose: [() => apollo.stop(), ...(options.onClose ?? [])],
  });
  if (schema.getSubscriptionType()) {
    const { subscriptionLimits: limits } = options;
    const { server } = service;
    subscriptions = serveSubscriptions({
      name,
      server,
      path: GRAPHQL_PATH,
      schema,
      introspection,
      gate,
      costs,
      verifier,
      context: createContext,
      log,
      metrics,
      tracing: options.tracing ?? null,
      limits,
    });
  }
  return service;
}

/** `_service { sdl }` (Federation, "Subgraph schema specification") is introspection by another name: a gateway runs from its supergraph. */
function NoServiceSdlRule(context: ValidationContext): ASTVisitor {
  return {
    Field(node) {
      if (node.name.value === '_service' && context.getParentType() === context.getSchema().getQueryType())
        context.reportError(new GraphQLError('The SDL of this subgraph is not served.', { nodes: node }));
    },
  };
}

/**
 * Apollo's plugin computes `Cache-Control` from `@cacheControl`, for which it wraps every field's resolver. Without hints in the
 * schema nothing may be kept, and nobody needs to be asked.
 */
function cacheHints(schema: GraphQLSchema): ApolloServerPlugin[] {
  if (schema.getDirective('cacheControl')) return [];
  const nothingKept: ApolloServerPlugin = {
    async requestDidStart({ response }) {
      response.http.headers.set('cache-control', 'no-store');
    },
  };
  return [ApolloServerPluginCacheControlDisabled(), nothingKept];
}

/** What they cost is known when they are valid, and not before. */
function refuseDearOperations<Context extends RequestContext>(costs: CostGate): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ document, operation, request }) {
          try {
            if (operation) costs.assertWithin(document, operation, request.variables ?? {});
          } catch (error) {
            if (!(error instanceof AppError)) throw error;
            // With the status that Apollo Server gives to what is refused before it is run.
            throw new GraphQLError(error.message, { originalError: error, extensions: { http: { status: 400 } } });
          }
        },
      };
    },
  };
}

/** Formats errors where the request's context is at hand, which Apollo's `formatError` is not given. */
function formatErrors<Context extends RequestContext>(service: string, serviceLog: Log): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ operation, operationName }) {
          const type = operation?.operation;
          activeSpan()?.set({ 'graphql.operation.type': type, 'graphql.operation.name': operationName ?? undefined });
          if (operation?.operation === OperationTypeNode.SUBSCRIPTION)
            throw new GraphQLError(ONLY_OVER_WEBSOCKETS, {
              extensions: { code: 'OPERATION_REJECTED', http: { status: 400 } },
            });
        },
        async willSendResponse({ response, errors, contextValue, operationName }) {
          if (response.body.kind !== 'single' || !response.body.singleResult.errors) return;
          // Nobody reads the answer, and what was not begun for want of a reader is no fault.
          if (contextValue?.signal.aborted) {
            contextValue.log.info({ operation: operationName }, 'operation given up: its client has gone');
            return;
          }
          const errorContext = {
            service,
            log: contextValue?.log ?? serviceLog,
            requestId: contextValue?.requestId ?? '',
          };
          response.body.singleResult.errors = response.body.singleResult.errors.map(
            (formatted: GraphQLFormattedError, index) =>
              toClientError(formatted, errors?.[index] ?? formatted, errorContext),
          );
        },
      };
    },
  };
}
