import { randomUUID } from 'node:crypto';
import type { AnswerForm } from './execute/finish.js';
import type { PartsFormat } from './execute/render-parts.js';
import { Cancellation, type CancelSignal } from './request/cancellation.js';
import type { Identity, OperationContext } from './request/context.js';
import { deadlineExceeded } from './request/deadline.js';
import type { FieldTraces } from './request/field-traces.js';
import type { Log } from './request/log.js';
import type { RunTraces } from './run-traces.js';

/** Headers of a client's request: a record by lower-case names, as Node gives them, or anything with `get`. */
export type ClientHeaders =
  Readonly<Record<string, string | readonly string[] | undefined>> | { get(name: string): string | null | undefined };

export interface EngineRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  /** Authorization goes on to subgraphs; others where `onFetch` says so. */
  readonly headers?: ClientHeaders | null | undefined;
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined;
  /** The viewer, where the host knows; without it, subgraphs find out. */
  readonly identity?: Identity | undefined;
  /** Where the client is: viewers who are not known take turns by it. */
  readonly address?: string | undefined;
  /** Goes on to subgraphs as `x-request-id`. */
  readonly requestId?: string | undefined;
  /** In which form the client reads what `@defer` puts off; without it, it gets everything at once. */
  readonly incremental?: PartsFormat | undefined;
  /** What the host reads of the answer: `body`, by default, or what `toJSON` gives. The other one is made when it is read. */
  readonly form?: AnswerForm | undefined;
  /** Of a subscription: the last event that its client has. */
  readonly lastEventId?: string | null | undefined;
}

/** A request of a host that reports what subgraphs tell of their fields. */
export interface TracedRequest extends EngineRequest {
  readonly traces?: RunTraces | null | undefined;
}

const UNVERIFIED: Identity = { kind: 'unverified' };

/** What one request of a host carries through the engine, until it is ended. */
export class RequestContext implements OperationContext {
  readonly log: Log;
  readonly identity: Identity;
  readonly address: string | undefined;
  readonly authorization: string | undefined;
  readonly clientHeader: (name: string) => string | undefined;
  readonly cancel: (reason: Error) => void;
  readonly traces: FieldTraces | undefined;
  readonly #cancellation = new Cancellation();
  readonly #timer: NodeJS.Timeout;
  readonly #client: AbortSignal | undefined;
  #requestId: string | undefined;

  constructor(request: TracedRequest, log: Log, timeoutMs: number) {
    const { signal, headers, identity = UNVERIFIED, requestId, address } = request;
    this.log = log;
    this.identity = identity;
    this.address = address;
    this.clientHeader = (name) => readHeader(headers, name);
    this.authorization = readHeader(headers, 'authorization');
    this.cancel = (reason) => this.#cancellation.abort(reason);
    this.traces = request.traces?.fields;
    this.#requestId = requestId;
    this.#client = signal;
    if (signal) {
      if (signal.aborted) this.handleEvent();
      signal.addEventListener('abort', this, ONCE);
    }
    this.#timer = setTimeout(endLate, timeoutMs, this, timeoutMs);
  }

  /** Made when somebody asks for it. */
  get requestId(): string {
    return (this.#requestId ??= randomUUID());
  }

  get signal(): CancelSignal {
    return this.#cancellation;
  }

  /** The client has gone away. */
  handleEvent(): void {
    this.#cancellation.abort(this.#client?.reason);
  }

  /** Nothing more is to come. */
  end(): void {
    clearTimeout(this.#timer);
    this.#client?.removeEventListener('abort', this);
  }
}

const ONCE = { once: true };

function endLate(context: RequestContext, timeoutMs: number): void {
  context.cancel(deadlineExceeded(timeoutMs));
}

function readHeader(headers: ClientHeaders | null | undefined, name: string): string | undefined {
  if (headers == null) return undefined;
  if (typeof headers.get === 'function')
    return (headers as { get(name: string): string | null }).get(name) ?? undefined;
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name];
  return typeof value === 'string' ? value : value?.join(', ');
}
