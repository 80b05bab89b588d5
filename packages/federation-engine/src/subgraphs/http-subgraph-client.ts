import { REQUEST_DEADLINE_HEADER, REQUEST_ID_HEADER } from '../request/headers.js';
import { Fault, unavailable } from '../request/fault.js';
import { INCLUDE_TRACE_HEADER, type TracedFetch } from '../request/field-traces.js';
import type { CancelSignal } from '../request/cancellation.js';
import { forOne, type CachePolicy } from './cache-policy.js';
import type { UpstreamAnswer, UpstreamRequest } from './single-upstream.js';
import { OperationTypeNode } from 'graphql';
import { isForOneClient, readAnswerPolicy, variesByClient } from './answer-policy.js';
import { clientOf, type OperationContext } from '../request/context.js';
import { toFetchError } from './fetch-fault.js';
import { readAnswer, type AskedFor } from './read-answer.js';
import { Overloaded } from './concurrency-limit.js';
import { createInFlight } from './in-flight.js';
import { encodeMultipart, findUploads, type PlacedUpload } from './multipart-body.js';
import type { Addressed, Subgraph } from './subgraphs.js';
import { bodyOf, isPlain, type SubgraphAnswer, type SubgraphClient, type SubgraphRequest } from './subgraph-client.js';

export type FetchOutcome = 'ok' | 'error' | 'unavailable' | 'aborted' | 'shed';

/** Ends the measurement of one fetch. */
type EndFetch = (outcome: FetchOutcome) => void;

export interface FetchTelemetry {
  startFetch(subgraph: string): EndFetch;
}

export interface HttpSubgraphClientOptions {
  /** @throws when that version of the graph has no such subgraph */
  readonly subgraph: (name: string, graph: Addressed) => Subgraph;
  readonly telemetry: FetchTelemetry;
  readonly uploadTimeoutMs: number;
  /** Errors that are read of one answer. */
  readonly maxErrors: number;
}

const JSON_TYPE = 'application/json';

/** Sends fetches over HTTP: queries shared while they are in flight, files streamed on. */
export function createHttpSubgraphClient(options: HttpSubgraphClientOptions): SubgraphClient {
  const { telemetry, uploadTimeoutMs } = options;
  const inFlight = createInFlight();

  function send(request: SubgraphRequest, context: OperationContext): Promise<SubgraphAnswer> {
    const subgraph = options.subgraph(request.subgraph, request.graph);
    const headers: Record<string, string> = { [REQUEST_ID_HEADER]: context.requestId };
    if (context.authorization !== undefined) headers['authorization'] = context.authorization;
    if (request.trace !== undefined) headers[INCLUDE_TRACE_HEADER] = 'ftv1';
    if (request.headers !== undefined) replace(headers, request.headers);
    return request.type === OperationTypeNode.QUERY
      ? query(subgraph, request, headers, context)
      : mutate(subgraph, request, headers, context);
  }

  /** Without `async`, as all that each fetch of each request passes through: a function of that kind costs several times what a `then` does. */
  function query(
    { upstream, limit }: Subgraph,
    request: SubgraphRequest,
    headers: Record<string, string>,
    context: OperationContext,
  ): Promise<SubgraphAnswer> {
    const { scope } = request;
    const body = bodyOf(request);
    const { authorization } = context;
    headers['content-type'] = JSON_TYPE;
    const trace = request.trace?.begin();
    const wish = {
      signal: request.signal,
      askedAfter: context.cacheWishes?.isFresh ? Date.now() : request.askedAfter,
    };
    const start = (signal: CancelSignal) =>
      limit.run('query', signal, () => upstream.send({ headers, body, idempotent: true, signal }), clientOf(context));
    return inFlight
      .share({ service: upstream, authorization, scope, body }, wish, start)
      .then(({ answer, isOwn }): SubgraphAnswer | Promise<SubgraphAnswer> => {
        if (isOwn) {
          trace?.receive(answer.body);
          return toAnswer(answer, answer.body, request);
        }
        // Clients without a token are not told from each other by their key.
        if (authorization === undefined && isForOneClient(answer.headers))
          return start(request.signal).then((own) => {
            trace?.receive(own.body);
            return toAnswer(own, own.body, request);
          });
        // Its fields were run once: the request that it was sent for tells their times.
        trace?.receive(null);
        return toAnswer(answer, JSON.parse(answer.text), request);
      });
  }

  function toAnswer(answer: UpstreamAnswer, body: unknown, request: SubgraphRequest): SubgraphAnswer {
    const { data, errors } = read(answer, body, asked(request));
    // What is wrong with an answer may be right in a moment.
    const plain = isPlain(answer.text);
    return {
      data,
      errors,
      policy: errors.length > 0 ? null : policyFor(request, answer),
      isPlain: plain,
      isAscii: plain && answer.isAscii === true,
    };
  }

  async function mutate(
    subgraph: Subgraph,
    request: SubgraphRequest,
    headers: Record<string, string>,
    context: OperationContext,
  ): Promise<SubgraphAnswer> {
    const uploads = findUploads(request.variables, request.variableNames);
    if (uploads.length > 0) await untilThere(uploads, request.signal);
    const end = inFlight.mutationStarts();
    let trace: TracedFetch | undefined;
    try {
      const route = uploads.length > 0 ? subgraph.uploads : subgraph;
      const answer = await route.limit.run(
        'mutation',
        request.signal,
        () => {
          // Counted from now on, as the time-out is: to wait for a place is no fault of the subgraph.
          trace = request.trace?.begin();
          headers[REQUEST_DEADLINE_HEADER] = String(
            Date.now() + (uploads.length > 0 ? uploadTimeoutMs : subgraph.timeoutMs),
          );
          return route.upstream.send(
            uploads.length > 0 ? upload(request, headers, uploads) : mutation(request, headers),
          );
        },
        clientOf(context),
      );
      trace?.receive(answer.body);
      return { ...read(answer, answer.body, asked(request)), policy: null, isPlain: isPlain(answer.text) };
    } finally {
      end();
    }
  }

  function asked({ subgraph, representations }: SubgraphRequest): AskedFor {
    return { subgraph, entities: representations && representations.length, maxErrors: options.maxErrors };
  }

  function mutation(request: SubgraphRequest, headers: Record<string, string>): UpstreamRequest {
    return {
      headers: { ...headers, 'content-type': JSON_TYPE },
      body: bodyOf(request),
      idempotent: false,
      signal: request.signal,
    };
  }

  function upload(
    request: SubgraphRequest,
    headers: Record<string, string>,
    uploads: readonly PlacedUpload[],
  ): UpstreamRequest {
    const { contentType, stream } = encodeMultipart(bodyOf(request), uploads);
    return {
      headers: { ...headers, 'content-type': contentType, 'apollo-require-preflight': 'true' },
      body: stream,
      idempotent: false,
      signal: request.signal,
      timeoutMs: uploadTimeoutMs,
    };
  }

  /** What a fetch that has failed is told as. */
  function toFault(error: unknown, request: SubgraphRequest, context: OperationContext, stop: EndFetch): Fault {
    if (error instanceof Overloaded) {
      stop('shed');
      return overloaded(request.subgraph);
    }
    const { fault } = toFetchError(error, request.subgraph);
    const isGivenUp = request.signal.aborted;
    stop(isGivenUp ? 'aborted' : 'unavailable');
    // Of a client that went away nothing is wrong with anybody; an operation whose time is up is told of as such.
    context.log[isGivenUp ? 'debug' : 'warn'](
      { subgraph: request.subgraph, code: fault.code, reason: fault.reason, err: fault.cause },
      'subgraph fetch failed',
    );
    return fault;
  }

  return {
    send(request, context) {
      const stop = telemetry.startFetch(request.subgraph);
      let sent: Promise<SubgraphAnswer>;
      try {
        sent = send(request, context);
      } catch (error) {
        return Promise.reject(toFault(error, request, context, stop));
      }
      return sent.then(
        (answer) => {
          stop(answer.errors.length > 0 ? 'error' : 'ok');
          return answer;
        },
        (error: unknown) => {
          throw toFault(error, request, context, stop);
        },
      );
    },
    invalidate: async () => inFlight.changed(),
  };
}

/** Where headers of clients go on, what varies by one of them is for its client: caches on the way do not know what was sent. */
function policyFor({ mayPassHeaders }: SubgraphRequest, answer: UpstreamAnswer): CachePolicy | null {
  const policy = policyOf(answer);
  return policy && mayPassHeaders === true && variesByClient(answer.headers) ? forOne(policy) : policy;
}

function policyOf(answer: UpstreamAnswer): CachePolicy | null {
  if (answer.saysLifetime === false) return null;
  const { status, headers, sentAt } = answer;
  return readAnswerPolicy({ status, headers, sentAt, receivedAt: Date.now() });
}

function replace(headers: Record<string, string>, others: NonNullable<SubgraphRequest['headers']>): void {
  for (const [name, value] of Object.entries(others)) {
    if (value === null) Reflect.deleteProperty(headers, name);
    else headers[name] = value;
  }
}

function read({ status }: UpstreamAnswer, body: unknown, asked: AskedFor): Pick<SubgraphAnswer, 'data' | 'errors'> {
  const answer = readAnswer(body, asked);
  if (!answer) throw unavailable(asked.subgraph, new Error(`status ${status} without data or errors`), 'BAD_RESPONSE');
  return answer;
}

/**
 * Waits until every file is there, or is the one that arrives: a subgraph, a connection and a place are taken up for what can be sent,
 * and what is missing costs none of them anything.
 *
 * @throws Fault of a file that is not there, or does not arrive; the signal's reason
 */
async function untilThere(uploads: readonly PlacedUpload[], signal: CancelSignal): Promise<void> {
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([aborted, Promise.all(uploads.map(({ upload }) => upload.promise))]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const RETRY_AFTER_SECONDS = 1;

/** Every line of its own would make the load worse: the metric tells how many. */
function overloaded(subgraph: string): Fault {
  return new Fault('UNAVAILABLE', `The ${subgraph} service is overloaded. Try again shortly.`, {
    reason: 'OVERLOADED',
    extensions: { subgraph, retryAfter: RETRY_AFTER_SECONDS },
  });
}
