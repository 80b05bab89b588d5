/** A span that has ended, as it is shown. */
export interface FinishedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Null of the first of a trace. */
  readonly parentSpanId: string | null;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Null where it went well. */
  readonly error: string | null;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}
