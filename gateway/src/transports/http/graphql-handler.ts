import type { IncomingMessage, ServerResponse } from 'node:http';
import { readJsonBody, requestFacts, UnreadableBody, type Origins } from '@taskgraph/service-kit';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { renderBody } from '@taskgraph/federation-engine/internal/execute/render-body.js';
import type { ClientLimits } from '../../admission/client-limits.js';
import type { ClientAddress } from '../../identity/client-address.js';
import { isAdministrator } from '../../identity/is-administrator.js';
import type { SessionWish } from '../../identity/session-cookies.js';
import { badRequest, Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import type { HttpStreams } from '../streams/http-streams.js';
import { readAccept } from './accept.js';
import type { Answer, Arrival, PlanFormat } from './answer.js';
import type { EventSourceEndpoint } from './event-source.js';
import type { RequestContexts } from './request-contexts.js';
import { readQueryParameters, tryReadGraphQLRequest } from './read-request.js';
import type { Reply } from './reply.js';
import { STREAM_ROUTE } from '../endpoint.js';
import { statusOf } from './refusal-status.js';
import { createSendReply } from './send-reply.js';

export interface GraphQLHandlerOptions {
  readonly answer: Answer;
  readonly origins: Origins;
  readonly eventSource: EventSourceEndpoint;
  readonly streams: HttpStreams;
  readonly contexts: RequestContexts;
  /** Whether the viewer may stand in a cookie. */
  readonly variesByCookie: boolean;
  readonly addressOf: ClientAddress;
  readonly limits: Pick<ClientLimits, 'look' | 'received'>;
  readonly maxBodyBytes: number;
  readonly maxBatchOperations: number;
  /** The viewers who may see the plans of their operations. */
  readonly showsPlans: 'everybody' | 'administrators' | 'nobody';
  /** Whether answers are compressed for clients that take it. */
  readonly compression: boolean;
  /** Told of what is refused before there is an operation. */
  readonly telemetry: { requestRefused(code: string): void };
}

/** Serves GraphQL over HTTP on identified requests. */
export interface GraphQLHandler {
  /** A POST with a JSON body: the common case. */
  post(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** A GET with the request in its parameters. */
  get(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** A POST for the URL that an `EventSource` opens. */
  eventSource(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** A multipart POST, read up to its first file. */
  multipart(request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void>;
  sendRefusal(response: ServerResponse, refusal: Refusal, more?: Readonly<Record<string, string>>): void;
}

const NOT_ACCEPTABLE = badRequest(
  'The answer is JSON, or parts of it: accept application/graphql-response+json, application/json, multipart/mixed;deferSpec=20220824 or multipart/mixed;incrementalSpec=v0.2.',
  406,
);
/** `EventSource` asks without asking first, whatever the page's origin, and can send no header that would show what it is. */
const FOREIGN = badRequest('Pages of this origin may not call: it is not in CORS_ORIGINS.', 403);
/** Headers that no foreign page can send without asking first (CORS, "simple requests"). */
export const PREFLIGHT_HEADERS = ['apollo-require-preflight', 'x-apollo-operation-name', 'graphql-require-preflight'];

export function createGraphQLHandler(options: GraphQLHandlerOptions): GraphQLHandler {
  const { answer, origins, eventSource, streams, contexts, maxBodyBytes, maxBatchOperations } = options;
  const sendRefusal: GraphQLHandler['sendRefusal'] = (response, refusal, more) => {
    options.telemetry.requestRefused(refusal.code);
    writeRefusal(response, refusal, more);
  };
  const send = createSendReply({ compression: options.compression, variesByCookie: options.variesByCookie });

  /** Apollo Sandbox and the explorer ask for the plan with these headers. */
  function planFormat({ headers }: IncomingMessage, { identity }: OperationContext): PlanFormat | null {
    if (options.showsPlans === 'nobody' || headers['apollo-query-plan-experimental'] === undefined) return null;
    if (options.showsPlans === 'administrators' && !isAdministrator(identity)) return null;
    return headers['apollo-query-plan-experimental-format'] === 'internal' ? 'internal' : 'prettified';
  }

  async function respond(
    request: IncomingMessage,
    response: ServerResponse,
    read: () => unknown,
    place: Pick<Arrival, 'method' | 'multipart' | 'bytes'>,
  ): Promise<void> {
    const tooMuch = options.limits.look(options.addressOf(request));
    if (tooMuch) return sendRefusal(response, tooMuch, CLOSING);
    const accepted = readAccept(request.headers.accept);
    if (!accepted) return sendRefusal(response, NOT_ACCEPTABLE);
    let body: unknown;
    try {
      body = await read();
    } catch (error) {
      return sendRefusal(response, asRefusal(error));
    }
    const wish = contexts.wishOf(request);
    const context = contexts.atOnce(request, wish) ?? (await contexts.of(request, wish));
    if (place.multipart && place.bytes === undefined) {
      const { socket } = request;
      const before = socket.bytesRead;
      response.once('close', () => options.limits.received(socket.bytesRead - before, context));
    }
    const showsPlan = planFormat(request, context);
    if (Array.isArray(body))
      return respondToBatch(response, body, { ...place, accepted, context, showsPlan, streams: null }, wish);
    const outcome = await answer(tryReadGraphQLRequest(body), {
      method: place.method,
      multipart: place.multipart,
      bytes: place.bytes,
      accepted,
      context,
      showsPlan,
      // To HEAD a stream would be a head without an end.
      streams:
        request.method === 'HEAD'
          ? null
          : accepted.stream && { lastEventId: [request.headers['last-event-id']].flat()[0] },
    });
    if (outcome.kind === 'reply') {
      if (wish !== null) await contexts.settle(wish, response);
      return send(response, outcome, accepted);
    }
    if (response.destroyed) return;
    try {
      streams.open(response, outcome, context, accepted.stream ?? 'multipart');
      requestFacts(request).route = STREAM_ROUTE;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await send(response, toReply(error), accepted);
    }
  }

  async function respondToBatch(
    response: ServerResponse,
    batch: readonly unknown[],
    arrival: Arrival,
    wish: SessionWish | null,
  ): Promise<void> {
    if (batch.length === 0) return sendRefusal(response, badRequest('The batch is empty.'));
    if (batch.length > maxBatchOperations) {
      const limit =
        maxBatchOperations === 1 ? 'Batches are not served.' : `A batch has at most ${maxBatchOperations} operations.`;
      return sendRefusal(response, badRequest(limit));
    }
    // A batch is answered as a whole, so none of its parts comes later.
    const whole = { ...arrival, accepted: { ...arrival.accepted, incremental: null }, streams: null };
    const replies = await Promise.all(batch.map((body) => answer(tryReadGraphQLRequest(body), whole)));
    const text = `[${replies.map(({ body }) => body).join(',')}]`;
    // Of a batch of which nothing was run, the same is said as of one operation.
    const refused = replies.every(({ status }) => status === 429) ? replies.at(-1) : undefined;
    const { status, headers } = refused ?? { status: 200, headers: {} };
    const reply: Reply = { kind: 'reply', status, headers, body: text, refusal: null, rest: null };
    await contexts.settle(wish, response);
    await send(response, reply, arrival.accepted);
  }

  return {
    post: (request, response) => respond(request, response, () => readJsonBody(request, maxBodyBytes), POST),
    get: (request, response) => {
      const wantsEvents = asksForEvents(request);
      if (wantsEvents) {
        try {
          if (origins.of(request) === 'foreign') throw FOREIGN;
          eventSource.admit(request);
        } catch (error) {
          sendRefusal(response, asRefusal(error));
          return Promise.resolve();
        }
      }
      const isSafe =
        wantsEvents ||
        PREFLIGHT_HEADERS.some((name) => request.headers[name]) ||
        isNoForm(request.headers['content-type']);
      if (!isSafe) {
        sendRefusal(
          response,
          badRequest(
            'This request could have been sent by a foreign page: add the header apollo-require-preflight: true.',
          ),
        );
        return Promise.resolve();
      }
      const url = request.url ?? '';
      const at = url.indexOf('?');
      const parameters = new URLSearchParams(at < 0 ? '' : url.slice(at));
      return respond(request, response, () => readQueryParameters(parameters), { method: 'GET', multipart: false });
    },
    eventSource: (request, response) =>
      eventSource.issue(request, response).catch((error: unknown) => sendRefusal(response, asRefusal(error))),
    multipart: (request, response, body) => {
      const { 'content-length': declared } = request.headers;
      if (PREFLIGHT_HEADERS.some((name) => request.headers[name]))
        return respond(request, response, () => body, {
          method: 'POST',
          multipart: true,
          ...(declared !== undefined && { bytes: Number(declared) }),
        });
      sendRefusal(
        response,
        badRequest(
          'This upload could have been sent by a foreign page: add the header apollo-require-preflight: true.',
        ),
      );
      return Promise.resolve();
    },
    sendRefusal,
  };
}

const POST = { method: 'POST', multipart: false } as const;

function writeRefusal(response: ServerResponse, refusal: Refusal, more: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent || response.destroyed) return;
  const { errors, headers } = refusal;
  response.writeHead(statusOf(refusal), {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    ...headers,
    ...more,
  });
  response.end(renderBody(null, errors));
}

/** What is left of a body that was not read would be taken for the next request. */
const CLOSING = { connection: 'close' };

/** @throws what is no refusal */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof UnreadableBody)) throw error;
  return badRequest(error.message, error.status, error.status === 413 ? CLOSING : {});
}

function toReply(refusal: Refusal): Reply {
  const { errors, headers } = refusal;
  return {
    kind: 'reply',
    status: statusOf(refusal),
    headers,
    body: renderBody(null, errors),
    refusal: errors,
    rest: null,
  };
}

/** Whether a GET is for a stream of events, as `EventSource` sends it. */
export function asksForEvents({ headers }: IncomingMessage): boolean {
  return headers.accept?.includes('text/event-stream') ?? false;
}

/** Whether a content type is none of those that forms have. */
function isNoForm(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  return type !== '' && !['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'].includes(type);
}
