import { types } from 'node:util';
import type { LogFn, Logger } from 'pino';

/** How long lines of one kind are counted, after the first, until one more tells how many there were. */
const WINDOW_MS = 10_000;
/** Of more kinds at once, each line is written. */
const MAX_KINDS = 200;
/** pino's numbers. */
const WARN = 40;
const FATAL = 60;

interface Burst {
  repeated: number;
  /** Writes the line that came last, with the count. */
  last: (() => void) | null;
}

type Write = (this: Logger, parameters: Parameters<LogFn>, method: LogFn, level: number) => void;

/**
 * Creates pino's hook that makes one line with a count (`repeated`) of a burst of one fault: the first is written at once, and what
 * comes within ten seconds of it is counted. An outage writes two lines in that time, and not one for each request.
 *
 * A fault is a line of level warn or above with a `code`, and a defect; what has happened to somebody, by its id, is a line each time.
 *
 * @param hurry is called after each line of level warn or above, but for fatal ones: for these pino waits until all is written, and could not
 *   wait for a write that was begun beside it
 */
export function collapseBursts(hurry: () => void = () => undefined): Write {
  const bursts = new Map<string, Burst>();

  function end(kind: string, { repeated, last }: Burst): void {
    bursts.delete(kind);
    if (repeated > 0) last?.();
  }

  return function write(parameters, method, level) {
    const [given, message] = parameters as unknown as [unknown, unknown];
    const facts = level === WARN ? withoutStack(given) : given;
    const kind = level >= WARN ? kindOf(facts, message) : null;
    const burst = kind === null ? undefined : bursts.get(kind);
    if (burst) {
      burst.repeated += 1;
      burst.last = () => method.apply(this, [{ ...(facts as object), repeated: burst.repeated }, String(message)]);
      return;
    }
    if (kind !== null && bursts.size < MAX_KINDS) {
      const begun: Burst = { repeated: 0, last: null };
      bursts.set(kind, begun);
      setTimeout(() => end(kind, begun), WINDOW_MS).unref();
    }
    method.apply(this, facts === given ? parameters : ([facts, message] as unknown as typeof parameters));
    if (level >= WARN && level < FATAL) hurry();
  };
}

/** Null for what is no fault. */
function kindOf(facts: unknown, message: unknown): string | null {
  if (typeof facts !== 'object' || facts === null) return null;
  const { code, reason, subgraph, err } = facts as Readonly<Record<string, unknown>>;
  if (typeof code !== 'string' && message !== 'defect') return null;
  const cause = err as { readonly message?: unknown; readonly stack?: unknown } | null | undefined;
  // One defect is what has happened in one place.
  return [message, code, reason, subgraph, cause?.message, cause?.stack].join('\n');
}

/** What was expected, such as a service that is away or a query that took too long, has happened somewhere else: no stack tells of it. */
function withoutStack(facts: unknown): unknown {
  const { err } = (facts ?? {}) as { readonly err?: unknown };
  return types.isNativeError(err) ? { ...(facts as object), err: describe(err) } : facts;
}

function describe(error: Error): Readonly<Record<string, unknown>> {
  const { name, message, cause } = error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: name,
    message,
    ...(code !== undefined && { code }),
    ...(types.isNativeError(cause) && { cause: describe(cause) }),
  };
}
