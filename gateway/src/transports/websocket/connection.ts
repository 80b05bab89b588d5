import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { CLIENT_NAME_HEADER, closeReason, type ClientInfo, type Log } from '@taskgraph/service-kit';
import type { GraphQLFormattedError } from 'graphql';
import type { WebSocket } from 'ws';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { readAccept } from '../http/accept.js';
import type { Answer, Arrival } from '../http/answer.js';
import { tryReadGraphQLRequest } from '../http/read-request.js';
import type { Identify } from '../../identity/identify.js';
import type { SessionCookies } from '../../identity/session-cookies.js';
import { defect } from '@taskgraph/federation-engine/internal/request/refusal.js';
import {
  toCredentials,
  userOf,
  viewerOf,
  type Credentials,
} from '@taskgraph/federation-engine/internal/live/credentials.js';
import { RESTARTING, tooManyOperations } from '@taskgraph/federation-engine/internal/live/end-errors.js';
import type { RenderedEvent } from '@taskgraph/federation-engine/internal/live/rendered-event.js';
import { Subscription, type EndReason, type Outlet } from '@taskgraph/federation-engine/internal/live/subscription.js';
import type { SubscriptionTelemetry } from '@taskgraph/federation-engine/internal/live/subscription-telemetry.js';
import type { Subscriptions } from '@taskgraph/federation-engine/internal/live/subscriptions.js';
import {
  ACKNOWLEDGEMENT,
  CLOSE_CODES,
  completeMessage,
  errorMessage,
  nextMessage,
  pongMessage,
  readAuthorization,
  readClientNames,
  readMessage,
} from './messages.js';

/** What all connections share. */
export interface ConnectionServices {
  readonly answer: Answer;
  readonly identify: Identify;
  /** Null where browsers get none. */
  readonly sessionCookies: SessionCookies | null;
  readonly subscriptions: Subscriptions;
  readonly log: Log;
  readonly telemetry: SubscriptionTelemetry;
  /** Under way at once on one connection. */
  readonly maxOperations: number;
  /** Waiting for a client that reads too slowly. */
  readonly maxBufferedBytes: number;
}

/** What a handshake tells. */
export interface ConnectedClient {
  readonly address: string;
  readonly overrideLabels: string | undefined;
  readonly info: ClientInfo;
  /** What the client calls itself, by header. */
  readonly names: ReadonlyMap<string, string>;
  /** Of its cookie; null where it has none. */
  readonly sessionSecret: string | null;
}

const NOBODY: Credentials = { identity: { kind: 'absent' }, authorization: undefined, expiresAtMs: Infinity };
const TEXT = { binary: false, compress: false };
const ACCEPTED = readAccept('application/json') as Arrival['accepted'];
const NO_STREAM_HEADERS = { lastEventId: undefined };

/**
 * One client's WebSocket connection: the state machine of graphql-transport-ws. There are thousands of them, so what they
 * share is not theirs: they have no timers, and no functions of their own.
 */
export class Connection implements Outlet {
  readonly transport = 'websocket';
  readonly address: string;
  readonly openedAtMs = Date.now();
  credentials: Credentials = NOBODY;
  /** Whether something was heard of the client since it was last asked. */
  isAlive = true;
  readonly #socket: WebSocket;
  readonly #services: ConnectionServices;
  /** Of its handshake. */
  readonly #overrideLabels: string | undefined;
  readonly #info: ClientInfo;
  /** What the client calls itself, by header. */
  #names: ReadonlyMap<string, string>;
  readonly #sessionSecret: string | null;
  /** Whether it came by its cookie, which outlives the access tokens that it stands for. */
  #isByCookie = false;
  #isRenewing = false;
  /** By the client's id: a subscription, or what cancels a query or mutation, or one that is being admitted. */
  readonly #operations = new Map<string, Subscription | AbortController>();
  #state: 'new' | 'identifying' | 'ready' | 'closing' = 'new';
  #isDraining = false;

  constructor(socket: WebSocket, services: ConnectionServices, client: ConnectedClient) {
    const { address, overrideLabels, info, names, sessionSecret } = client;
    this.#socket = socket;
    this.address = address;
    this.#services = services;
    this.#overrideLabels = overrideLabels;
    this.#info = info;
    this.#names = names;
    this.#sessionSecret = sessionSecret;
  }

  get isInitialised(): boolean {
    return this.#state !== 'new';
  }

  receive(data: Buffer, isBinary: boolean): void {
    this.isAlive = true;
    if (this.#state === 'closing') return;
    try {
      this.#receive(data, isBinary);
    } catch (error) {
      this.#breakDown(error);
    }
  }

  #receive(data: Buffer, isBinary: boolean): void {
    const message = isBinary ? null : readMessage(data.toString());
    switch (message?.type) {
      case undefined:
        return this.close(CLOSE_CODES.invalidMessage, 'Invalid message received');
      case 'connection_init':
        this.#names = new Map([...this.#names, ...readClientNames(message.payload)]);
        this.#initialise(readAuthorization(message.payload)).catch((error: unknown) => this.#breakDown(error));
        return;
      case 'ping':
        return this.#send(pongMessage(message.payload));
      case 'pong':
        return;
      case 'subscribe':
        return this.#subscribe(message.id, message.payload);
      case 'complete':
        return this.#stop(message.id);
    }
  }

  next(subscription: Subscription, event: RenderedEvent): void {
    this.#send(event.toMessage(subscription.id));
  }

  fail({ id }: Subscription, errors: readonly GraphQLFormattedError[]): void {
    this.#finish(id, errorMessage(id, errors));
  }

  complete({ id }: Subscription): void {
    this.#finish(id, completeMessage(id));
  }

  /** Its token's time is up. A cookie gets another one. */
  expire(): void {
    if (this.#isByCookie) {
      if (!this.#isRenewing) this.#renew().catch((error: unknown) => this.#breakDown(error));
      return;
    }
    this.close(CLOSE_CODES.forbidden, 'Forbidden: token expired', 'token-expired');
  }

  /** Closes it when the key of its token is not good any more. */
  async recheck(): Promise<void> {
    const { identity } = this.credentials;
    if (await this.#services.identify.stillHolds(identity)) return;
    // It may have been renewed meanwhile.
    if (this.credentials.identity === identity)
      this.close(CLOSE_CODES.forbidden, 'Forbidden: TOKEN_INVALID', 'token-expired');
  }

  /** Closes it when its session has ended. */
  leaveIfRevoked(): void {
    if (this.#services.identify.isRevoked(this.credentials.identity))
      this.close(CLOSE_CODES.forbidden, 'Forbidden: SESSION_REVOKED', 'token-expired');
  }

  /** Closes it as soon as its queries and mutations are answered. Its subscriptions go on after the client's reconnection. */
  drain(): void {
    this.#isDraining = true;
    const isAnswering = [...this.#operations.values()].some((operation) => operation instanceof AbortController);
    if (!isAnswering) this.close(CLOSE_CODES.serviceRestart, 'Service restart', 'drained');
  }

  close(code: number, reason: string, because: EndReason = 'client-left'): void {
    if (this.#state === 'closing') return;
    this.ended(because);
    this.#socket.close(code, closeReason(reason));
  }

  /** Asks whether the client is still there; gives up one that has not answered since the last time. */
  probe(): void {
    if (!this.isAlive) return this.#socket.terminate();
    this.isAlive = false;
    if (this.#state !== 'closing') this.#socket.ping();
  }

  /** The connection is over. */
  ended(because: EndReason = 'client-left'): void {
    this.#state = 'closing';
    const operations = [...this.#operations.values()];
    this.#operations.clear();
    for (const operation of operations)
      if (operation instanceof Subscription) this.#services.subscriptions.leave(operation, because);
      else operation.abort(new Error('the client went away'));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  async #identify(given: string | undefined): Promise<Pick<OperationContext, 'identity' | 'authorization'>> {
    const { identify, sessionCookies } = this.#services;
    this.#isByCookie = given === undefined && this.#sessionSecret !== null && sessionCookies !== null;
    if (given !== undefined || this.#sessionSecret === null || !sessionCookies)
      return { identity: await identify(given), authorization: given };
    return sessionCookies.credentialsOf(this.#sessionSecret);
  }

  /** Gets the next access token of its session; what runs goes on, unless the session has ended or its rights have changed. */
  async #renew(): Promise<void> {
    this.#isRenewing = true;
    const before = this.credentials;
    const { identity, authorization } = await this.#identify(undefined);
    this.#isRenewing = false;
    if (this.#state !== 'ready' || this.credentials !== before) return;
    if (identity.kind === 'refused') return this.#refuse(identity.problem);
    const credentials = toCredentials({ identity, authorization });
    if (viewerOf(before) !== viewerOf(credentials))
      return this.close(CLOSE_CODES.forbidden, 'Forbidden: rights changed');
    this.credentials = credentials;
    this.#subscriptionsRenewed();
  }

  #refuse(problem: string): void {
    if (problem === 'JWKS_UNAVAILABLE')
      return this.close(CLOSE_CODES.tryAgainLater, 'Tokens cannot be verified now', 'unavailable');
    this.close(CLOSE_CODES.forbidden, `Forbidden: ${problem}`);
  }

  #subscriptionsRenewed(): void {
    for (const operation of this.#operations.values())
      if (operation instanceof Subscription) this.#services.subscriptions.renewed(operation);
  }

  async #initialise(given: string | undefined): Promise<void> {
    const isFirst = this.#state === 'new';
    if (this.#state === 'identifying') return this.#tooManyInits();
    this.#state = 'identifying';
    const { identity, authorization } = await this.#identify(given);
    if (this.#state !== 'identifying') return;
    this.#state = 'ready';
    if (identity.kind === 'refused') return this.#refuse(identity.problem);
    const credentials = toCredentials({ identity, authorization });
    if (!isFirst && !isSameUser(this.credentials, credentials)) return this.#tooManyInits();
    // With other rights, what runs would have to be judged anew: the client comes back with them.
    if (!isFirst && viewerOf(this.credentials) !== viewerOf(credentials))
      return this.close(CLOSE_CODES.forbidden, 'Forbidden: rights changed');
    this.credentials = credentials;
    this.#send(ACKNOWLEDGEMENT);
    if (!isFirst) this.#subscriptionsRenewed();
  }

  /** Something was thrown that nobody expected: costs this connection, and nobody else anything. */
  #breakDown(error: unknown): void {
    this.#services.log.error({ err: error }, 'defect');
    this.close(CLOSE_CODES.internalError, 'Internal server error', 'defect');
  }

  #tooManyInits(): void {
    this.close(CLOSE_CODES.tooManyInitialisationRequests, 'Too many initialisation requests');
  }

  #subscribe(id: string, payload: Readonly<Record<string, unknown>>): void {
    // While a renewal is checked, the client keeps the viewer that it had.
    if (this.#state === 'new' || (this.#state === 'identifying' && this.credentials === NOBODY))
      return this.close(CLOSE_CODES.unauthorized, 'Unauthorized');
    if (this.#operations.has(id))
      return this.close(CLOSE_CODES.subscriberAlreadyExists, `Subscriber for ${id} already exists`);
    if (this.#isDraining) return this.#send(errorMessage(id, [RESTARTING]));
    const { maxOperations } = this.#services;
    if (this.#operations.size >= maxOperations) return this.#send(errorMessage(id, [tooManyOperations(maxOperations)]));
    const cancel = new AbortController();
    // One for each fetch.
    setMaxListeners(0, cancel.signal);
    this.#operations.set(id, cancel);
    const requestId = randomUUID();
    this.#answer(id, payload, { cancel, requestId }).catch((error: unknown) => {
      const { errors } = defect(error, { log: this.#services.log.child({ requestId }), requestId });
      if (this.#operations.has(id)) this.#finish(id, errorMessage(id, errors));
    });
  }

  async #answer(
    id: string,
    payload: Readonly<Record<string, unknown>>,
    { cancel, requestId }: { readonly cancel: AbortController; readonly requestId: string },
  ): Promise<void> {
    const { answer, subscriptions } = this.#services;
    const outcome = await answer(tryReadGraphQLRequest(payload), {
      method: 'POST',
      multipart: false,
      accepted: ACCEPTED,
      streams: NO_STREAM_HEADERS,
      showsPlan: null,
      context: this.#toContext(requestId, cancel),
    });
    if (this.#operations.get(id) !== cancel) return;
    if (outcome.kind === 'reply') {
      if (outcome.refusal) return this.#finish(id, errorMessage(id, outcome.refusal));
      this.#send(nextMessage(id, outcome.body));
      return this.#finish(id, completeMessage(id));
    }
    this.#operations.set(id, subscriptions.start(outcome, { id, outlet: this, requestId }));
  }

  #toContext(requestId: string, cancel: AbortController): OperationContext {
    const { identity, authorization } = this.credentials;
    const facts = { requestId, ...(identity.kind === 'accepted' && { userId: identity.viewer.userId }) };
    const abort = (reason: Error) => cancel.abort(reason);
    const log = this.#services.log.child(facts);
    const overrideLabels = this.#overrideLabels;
    const { address } = this;
    const { userAgent, clientName } = this.#info;
    const names = this.#names;
    return {
      requestId,
      log,
      identity,
      address,
      authorization,
      overrideLabels,
      clientHeader: (name) =>
        names.get(name) ??
        (name === CLIENT_NAME_HEADER ? clientName : name === 'user-agent' ? userAgent : null) ??
        undefined,
      signal: cancel.signal,
      cancel: abort,
    };
  }

  #stop(id: string): void {
    const operation = this.#operations.get(id);
    this.#operations.delete(id);
    if (operation instanceof Subscription) this.#services.subscriptions.leave(operation, 'client-left');
    else operation?.abort(new Error('the client went away'));
    if (this.#isDraining) this.drain();
  }

  #finish(id: string, message: string): void {
    this.#operations.delete(id);
    this.#send(message);
    if (this.#isDraining) this.drain();
  }

  #send(message: string | Buffer): void {
    if (this.#state === 'closing') return;
    if (this.#socket.bufferedAmount > this.#services.maxBufferedBytes) {
      this.#services.telemetry.dropped('slow-consumer');
      this.close(CLOSE_CODES.tryAgainLater, 'Messages are not read fast enough', 'slow-consumer');
      return;
    }
    this.#socket.send(message, TEXT);
  }
}

function isSameUser(before: Credentials, after: Credentials): boolean {
  const user = userOf(before);
  return user !== null && user === userOf(after);
}
