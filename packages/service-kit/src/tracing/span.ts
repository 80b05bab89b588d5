import { AsyncLocalStorage } from 'node:async_hooks';

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';
/** Of few values, and without what people have written: ids and names of the program. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: SpanAttributes;
  /** Where it has begun before; milliseconds since the epoch. */
  readonly startTime?: number;
}

/** A piece of work within a trace. */
export interface Span {
  readonly traceId: string;
  /** What tells another process of it (W3C Trace Context, section 3.2). */
  readonly traceparent: string;
  /** Whether anybody will see it: what costs something to find out is not found out for others. */
  readonly isRecorded: boolean;
  child(name: string, options?: SpanOptions): Span;
  rename(name: string): void;
  set(attributes: SpanAttributes): void;
  /** Tells that the work has failed, and why. */
  fail(error: unknown): void;
  end(endTime?: number): void;
}

/** Where the traces of one process, or of one service in embedded mode, come from. */
export interface Tracing {
  /** Starts a span below the one that a `traceparent` names, or a trace of its own where there is none, or none that is well formed. */
  start(name: string, parent: string | undefined, options?: SpanOptions): Span;
  /** Sends what has not been sent yet, for some seconds at most. */
  close(): Promise<void>;
}

/** Made with the first span that is followed: where nothing is traced there is no store, and looking for it is a comparison. */
let store: AsyncLocalStorage<Span | null> | null = null;

/** Returns the span in which this runs; null where nothing is traced. */
export function activeSpan(): Span | null {
  return store === null ? null : (store.getStore() ?? null);
}

/** Runs work, and all that it begins, in a span, which it does not end. */
export function inSpan<Result>(span: Span, work: () => Result): Result {
  store ??= new AsyncLocalStorage();
  return store.run(span, work);
}

/** Runs work, and all that it begins, in no span: it is nothing of the request that has happened to set it off. */
export function outOfSpan<Result>(work: () => Result): Result {
  return store === null ? work() : store.run(null, work);
}

/** Runs work in a span of its own below the active one, and ends it with the work. Where nothing is traced, it only runs the work. */
export async function traced<Result>(
  name: string,
  options: SpanOptions | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const parent = activeSpan();
  return parent === null ? work() : endWith(parent.child(name, options), work);
}

/** Runs work in a span, and ends the span with it. */
export async function endWith<Result>(span: Span, work: () => Promise<Result>): Promise<Result> {
  try {
    return await inSpan(span, work);
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}
