import type { OfferedLogin } from '@taskgraph/explorer';
import type { EngineParts } from '@taskgraph/federation-engine/internal/engine-parts.js';
import type { SubscriptionTelemetry } from '@taskgraph/federation-engine/internal/live/subscription-telemetry.js';
import type { Log, Routes, Tracing, UploadSpool } from '@taskgraph/service-kit';
import { createOwnDocuments } from './admission/served-documents.js';
import type { GatewayAdmission } from './compose-admission.js';
import type { GatewayIdentity } from './compose-identity.js';
import type { GatewayConfig } from './config.js';
import { toExplorer } from './explorer-settings.js';
import { createRest } from './rest/rest-routes.js';
import type { GatewayTelemetry } from './telemetry.js';
import { traceOperations } from './traces.js';
import {
  toAnswer,
  toCors,
  toEventSource,
  toHandler,
  toLive,
  toMultipart,
  toRest,
  toWebSockets,
} from './transport-settings.js';
import { createAnswer } from './transports/http/answer.js';
import { createEventSourceEndpoint } from './transports/http/event-source.js';
import { createGraphQLHandler } from './transports/http/graphql-handler.js';
import { createGraphQLRoutes } from './transports/http/graphql-routes.js';
import { createRequestContexts } from './transports/http/request-contexts.js';
import { createHttpStreams } from './transports/streams/http-streams.js';
import { createWebSocketEndpoint } from './transports/websocket/server.js';
import { within } from './transports/within.js';
import type { UsageRecorder } from './usage/usage-recorder.js';

/** The client that sends the operations of the REST façade, as `schema-check.yaml` names it. */
const REST_CLIENT = 'rest';

/** What requests are led down to, and what is told of them. */
interface TransportSurroundings {
  readonly identity: GatewayIdentity;
  readonly admission: GatewayAdmission;
  readonly engine: EngineParts;
  readonly spool: UploadSpool;
  readonly explorerLogins: readonly OfferedLogin[];
  readonly usage: UsageRecorder | null;
  readonly telemetry: GatewayTelemetry;
  readonly subscriptionTelemetry: SubscriptionTelemetry;
  /** Null where nothing is traced. */
  readonly tracing: Tracing | null;
  readonly log: Log;
}

/** Composes how requests come and how their answers go: HTTP, streams, WebSocket, and the REST façade on top. */
export async function composeTransports(config: GatewayConfig, surroundings: TransportSurroundings) {
  const { identity, admission, engine, usage, telemetry, tracing, log } = surroundings;
  const { identify, addressOf, origins, sessionCookies, tickets } = identity;
  const { documents, demand, limits } = admission;
  const { subscriptions } = engine;

  const answering = { ...engine, limits, demand, telemetry, ...toAnswer(config) };
  const answer = createAnswer({ ...answering, persistedQueries: documents.queries, recordUsage: usage?.record });
  const live = {
    ...toLive(config),
    subscriptions,
    identify,
    addressOf,
    telemetry: surroundings.subscriptionTelemetry,
  };
  const streams = createHttpStreams(live);
  const eventSource = createEventSourceEndpoint({ ...toEventSource(config), identify, tickets });
  const labelsHeader = config.OVERRIDE_LABELS_HEADER;
  const contexts = createRequestContexts({ identify, sessionCookies, addressOf, labelsHeader });
  const handler = createGraphQLHandler({
    ...toHandler(config),
    limits,
    answer,
    addressOf,
    origins,
    eventSource,
    streams,
    contexts,
    variesByCookie: sessionCookies !== null,
    telemetry,
  });
  const cors = { ...toCors(config), origins };
  const graphql = await createGraphQLRoutes({
    handler,
    cors,
    multipart: { ...toMultipart(config), spool: surroundings.spool },
    sandbox: config.sandbox,
    explorer: toExplorer(config, surroundings.explorerLogins),
  });
  const rest = config.REST_API
    ? createRest({
        ...toRest(config, { origins, supergraph: () => engine.operations().supergraph }),
        // What the façade asks is the gateway's own: it is no client's document, which a safelist would have to know.
        answer: createAnswer({
          ...answering,
          persistedQueries: createOwnDocuments(),
          recordUsage: usage?.recordAs(REST_CLIENT),
        }),
        contexts,
        limits,
        addressOf,
        cors,
      })
    : null;
  const refusalForms = rest?.refusals;
  const webSockets = createWebSocketEndpoint({
    ...live,
    ...toWebSockets(config),
    refusalForms,
    answer: tracing ? traceOperations(tracing, answer) : answer,
    limits,
    origins,
    sessionCookies,
    log,
  });

  return {
    refusalForms,
    /** Whether an operation of that name is the gateway's own. */
    isOwnName: (name: string) => rest?.isName(name) === true,
    routes(...app: Parameters<Routes>) {
      rest?.routes(...app);
      graphql(...app);
    },
    upgrade: webSockets.upgrade,
    /** Ends what lasts, each in its own words. */
    async drain() {
      await within(config.SHUTDOWN_GRACE_MS, subscriptions.drain());
      streams.drain();
      await webSockets.drain(config.SHUTDOWN_GRACE_MS);
    },
    close: async () => rest?.close(),
  };
}
