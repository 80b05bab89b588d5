import type { ServerResponse } from 'node:http';
import { missingViewer, type TokenProblem } from '@taskgraph/service-kit';
import type { GraphQLFormattedError } from 'graphql';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import type { ClientAddress } from '../../identity/client-address.js';
import type { Identify } from '../../identity/identify.js';
import { toRefusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import { toCredentials, type Credentials } from '@taskgraph/federation-engine/internal/live/credentials.js';
import { RESTARTING, SLOW_CONSUMER } from '@taskgraph/federation-engine/internal/live/end-errors.js';
import type { RenderedEvent } from '@taskgraph/federation-engine/internal/live/rendered-event.js';
import type { EndReason, Outlet, Subscription } from '@taskgraph/federation-engine/internal/live/subscription.js';
import type { SubscriptionRequest } from '@taskgraph/federation-engine/internal/live/subscription-request.js';
import type { SubscriptionTelemetry } from '@taskgraph/federation-engine/internal/live/subscription-telemetry.js';
import type { Subscriptions } from '@taskgraph/federation-engine/internal/live/subscriptions.js';
import { createSweep } from '../sweep.js';
import { MULTIPART, SSE, type StreamFormat } from './formats.js';

export interface HttpStreamsOptions {
  readonly subscriptions: Subscriptions;
  readonly identify: Identify;
  readonly addressOf: ClientAddress;
  readonly telemetry: SubscriptionTelemetry;
  readonly heartbeatMs: number;
  /** Waiting for a client that reads too slowly. */
  readonly maxBufferedBytes: number;
}

/** Serves subscriptions as HTTP responses that do not end: one for each. */
export interface HttpStreams {
  /** @throws Refusal when it is not served; nothing has been written then */
  open(
    response: ServerResponse,
    request: SubscriptionRequest,
    context: OperationContext,
    transport: 'multipart' | 'sse',
  ): void;
  /** Ends every stream, so that clients come back. */
  drain(): void;
}

export function createHttpStreams(options: HttpStreamsOptions): HttpStreams {
  const { subscriptions, heartbeatMs } = options;
  const streams = createSweep<HttpStream>({
    heartbeatMs,
    look(stream, now, isItsTurn) {
      if (now >= stream.credentials.expiresAtMs) stream.expire();
      else if (isItsTurn) {
        stream.heartbeat();
        void stream.recheck();
      }
    },
  });

  options.identify.onRevocation(() => {
    for (const stream of streams)
      if (options.identify.isRevoked(stream.credentials.identity)) stream.expire('SESSION_REVOKED');
  });

  return {
    open(response, request, context, transport) {
      const credentials = toCredentials(context);
      const stream = new HttpStream(response, transport === 'sse' ? SSE : MULTIPART, credentials, options);
      const subscription = subscriptions.start(request, { id: '', outlet: stream, requestId: context.requestId });
      streams.add(stream);
      response.once('close', () => {
        streams.delete(stream);
        subscriptions.leave(subscription, 'client-left');
      });
      stream.begin(subscription);
    },
    drain() {
      for (const stream of streams) stream.drain();
    },
  };
}

class HttpStream implements Outlet {
  readonly transport: 'multipart' | 'sse';
  readonly address: string;
  readonly credentials: Credentials;
  readonly #response: ServerResponse;
  readonly #format: StreamFormat;
  readonly #options: HttpStreamsOptions;
  #subscription: Subscription | null = null;
  #isOver = false;
  /** Heartbeats since it was over. */
  #beatsAfter = 0;

  constructor(response: ServerResponse, format: StreamFormat, credentials: Credentials, options: HttpStreamsOptions) {
    this.transport = format.transport;
    this.address = options.addressOf(response.req);
    this.credentials = credentials;
    this.#response = response;
    this.#format = format;
    this.#options = options;
  }

  begin(subscription: Subscription): void {
    this.#subscription = subscription;
    this.#response.writeHead(200, {
      'content-type': this.#format.contentType,
      'cache-control': 'no-store',
      // Proxies that collect an answer before they pass it on would never pass this one on.
      'x-accel-buffering': 'no',
    });
    this.#response.write(this.#format.head);
  }

  next(_subscription: Subscription, event: RenderedEvent): void {
    this.#write(this.#format.next(event));
  }

  fail(_subscription: Subscription, errors: readonly GraphQLFormattedError[]): void {
    this.#end(this.#format.fail(errors));
  }

  complete(): void {
    this.#end(this.#format.complete);
  }

  heartbeat(): void {
    if (!this.#isOver) return this.#write(this.#format.heartbeat);
    // Its last words are not read.
    this.#beatsAfter += 1;
    if (this.#beatsAfter > 1) this.#response.destroy();
  }

  /** Ends it when the key of its token is not good any more. */
  async recheck(): Promise<void> {
    if (!(await this.#options.identify.stillHolds(this.credentials.identity))) this.expire('TOKEN_INVALID');
  }

  expire(tokenProblem: TokenProblem = 'TOKEN_EXPIRED'): void {
    const { errors } = toRefusal(missingViewer({ tokenProblem }));
    this.#leave('token-expired', this.#format.fail(errors));
  }

  drain(): void {
    this.#leave('drained', this.#format.restart(RESTARTING));
  }

  #write(text: string): void {
    if (this.#isOver) return;
    if (this.#response.writableLength <= this.#options.maxBufferedBytes) {
      this.#response.write(text);
      return;
    }
    this.#options.telemetry.dropped('slow-consumer');
    this.#leave('slow-consumer', this.#format.fail([SLOW_CONSUMER]));
  }

  #leave(reason: EndReason, lastWords: string): void {
    if (this.#isOver) return;
    if (this.#subscription) this.#options.subscriptions.leave(this.#subscription, reason);
    this.#end(lastWords);
  }

  #end(lastWords: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#response.end(lastWords);
  }
}
