import type { IncomingMessage } from 'node:http';
import type { RequestFacts } from '@taskgraph/service-kit';
import type { CancelSignal } from '@taskgraph/federation-engine/internal/request/cancellation.js';
import type { CacheWishes, Identity, OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import type { Log } from '@taskgraph/federation-engine/internal/request/log.js';
import { SESSION_COOKIE_HASH } from '../../identity/client-info.js';
import type { SessionWish } from '../../identity/session-cookies.js';
import { readCacheWishes } from './request-wishes.js';

/** The viewer, and the authorization that names them. */
export type Credentials = Pick<OperationContext, 'identity' | 'authorization'>;

interface ContextFacts {
  readonly address: string;
  readonly overrideLabels: string | undefined;
  /** What the client wants of its session, where it may want something. */
  readonly wish: SessionWish | null;
}

/**
 * The context of what one HTTP request asks for. It is a class because an object that defines a getter of its own is a slow one for V8: nothing
 * that is read from it afterwards is read by its place.
 */
export class HttpContext implements OperationContext {
  readonly requestId: string;
  readonly identity: Identity;
  readonly authorization: string | undefined;
  readonly address: string;
  readonly overrideLabels: string | undefined;
  readonly cacheWishes: CacheWishes;
  readonly signal: CancelSignal;
  readonly cancel: (reason: Error) => void;
  readonly clientHeader: (name: string) => string | undefined;
  readonly #facts: RequestFacts;
  #log: Log | null = null;

  constructor(
    request: IncomingMessage,
    facts: RequestFacts,
    { identity, authorization }: Credentials,
    { address, overrideLabels, wish }: ContextFacts,
  ) {
    const { pragma, 'cache-control': cacheControl } = request.headers;
    this.requestId = facts.requestId;
    this.identity = identity;
    this.authorization = authorization;
    this.address = address;
    this.overrideLabels = overrideLabels;
    this.cacheWishes = readCacheWishes(cacheControl, pragma);
    this.signal = facts.cancellation;
    this.cancel = facts.cancel;
    this.clientHeader = (name) => (name === SESSION_COOKIE_HASH ? wish?.cookieHash : [request.headers[name]].flat()[0]);
    this.#facts = facts;
  }

  /** Most requests write one line, which says by itself whose it is. */
  get log(): Log {
    const { identity } = this;
    return (this.#log ??=
      identity.kind === 'accepted' ? this.#facts.logOf({ userId: identity.viewer.userId }) : this.#facts.log);
  }
}
