import { ApolloGateway } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import { expressMiddleware } from '@as-integrations/express5';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  httpErrors,
  multipartRequests,
  requestFacts,
  type JwksSource,
  type Log,
  type ServiceProcess,
} from '@taskgraph/service-kit';
import express, { type Request } from 'express';
import { securityPlugin } from './admission/security-plugin.js';
import type { GatewayConfig } from './config.js';
import type { GatewayContext } from './context.js';
import { createSubgraphs } from './execution/subgraphs.js';
import { answerPlugin } from './http/answer-plugin.js';
import { createIdentify } from './identity/identify.js';
import { createSupergraphSource } from './supergraph/supergraph-source.js';
import { createGatewayTelemetry } from './telemetry.js';

export { readGatewayConfig, type GatewayConfig } from './config.js';

/** What a test puts in the place of the real part. */
export interface GatewayParts {
  readonly log: Log;
  readonly jwks: JwksSource;
}

/** How deep fields may select themselves through fragments before an operation is refused. */
const MAX_RECURSIVE_SELECTIONS = 10_000;

/**
 * Composes the gateway; its body is the path of a request, in order.
 *
 * @throws when the supergraph cannot be read or served
 */
export async function createGateway(
  config: GatewayConfig,
  overrides: Partial<GatewayParts> = {},
): Promise<ServiceProcess> {
  const log = overrides.log ?? createLog({ service: 'gateway', level: config.LOG_LEVEL });
  const metrics = createMetrics('gateway');
  const health = createHealth();
  const telemetry = createGatewayTelemetry(metrics, { slowOperationMs: config.SLOW_OPERATION_MS });

  // identity
  const identify = createIdentify({
    jwksUrl: config.jwksUrl,
    jwks: overrides.jwks,
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    log,
  });

  // supergraph, planning, execution
  const subgraphs = createSubgraphs({ config, log, telemetry, health });
  const supergraph = createSupergraphSource({
    path: config.SUPERGRAPH_PATH,
    pollMs: config.SUPERGRAPH_POLL_MS,
    log,
    onReload: (outcome) => telemetry.supergraphReloaded(outcome),
  });
  const apolloGateway = new ApolloGateway({
    supergraphSdl: supergraph.hook,
    buildService: ({ name, url }) => subgraphs.dataSource(name, url),
    experimental_approximateQueryPlanStoreMiB: config.PLAN_CACHE_MIB,
    logger: log,
  });

  // admission, and the frame that Apollo Server gives the rest
  const apollo = new ApolloServer<GatewayContext>({
    gateway: apolloGateway,
    introspection: config.SANDBOX,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    maxRecursiveSelections: MAX_RECURSIVE_SELECTIONS,
    parseOptions: { maxTokens: config.MAX_OPERATION_TOKENS },
    logger: log,
    plugins: [
      config.SANDBOX
        ? ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })
        : ApolloServerPluginLandingPageDisabled(),
      answerPlugin(telemetry),
      securityPlugin(supergraph.requirements),
    ],
  });
  try {
    await apollo.start();
  } catch (error) {
    await subgraphs.close();
    throw error;
  }

  async function toContext(request: Request): Promise<GatewayContext> {
    const { requestId, log: requestLog, signal } = requestFacts(request);
    const { authorization, accept = '' } = request.headers;
    const identity = await identify(authorization);
    return {
      requestId,
      log: identity.kind === 'accepted' ? requestLog.child({ userId: identity.viewer.userId }) : requestLog,
      identity,
      authorization,
      signal,
      readsStatus: accept.includes('application/graphql-response+json'),
    };
  }

  // http
  return createHttpService({
    name: 'gateway',
    config: { host: config.HOST, port: config.GATEWAY_PORT, shutdownGraceMs: config.SHUTDOWN_GRACE_MS },
    log,
    metrics,
    health,
    routes: (app) => {
      app.get('/', (_request, response) => response.redirect('/graphql'));
      app.use(
        '/graphql',
        express.json({ limit: config.MAX_BODY_BYTES }),
        multipartRequests({ maxFiles: config.UPLOAD_MAX_FILES, maxFileBytes: config.UPLOAD_MAX_BYTES, log }),
        expressMiddleware(apollo, { context: ({ req }) => toContext(req) }),
      );
      app.use(httpErrors(log));
    },
    onClose: [() => apollo.stop(), () => subgraphs.close()],
  });
}
