import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import type { Fault } from './fault.js';
import type { Log } from './log.js';

/** A request is not executed; nothing has been fetched for it. */
export class Refusal extends Error {
  readonly code: string;
  readonly errors: readonly GraphQLFormattedError[];
  /** An HTTP status, where the code does not say which. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the status is meant for every client: the fault is of the HTTP request, not of the GraphQL in it. */
  readonly ofTransport: boolean;

  constructor(
    code: string,
    errors: readonly GraphQLFormattedError[],
    options: { status?: number; headers?: Readonly<Record<string, string>>; ofTransport?: boolean } = {},
  ) {
    super(errors[0]?.message ?? code);
    this.name = 'Refusal';
    this.code = code;
    this.errors = errors;
    this.status = options.status ?? null;
    this.headers = options.headers ?? {};
    this.ofTransport = options.ofTransport ?? false;
  }
}

/** Of an error of graphql-js: it may repeat names and values of any length. */
const MAX_MESSAGE_CHARACTERS = 1_000;

/** Gives errors of graphql-js a code, and bounds their messages. */
export function refusalOf(code: string, errors: ReadonlyArray<GraphQLError | { readonly message: string }>): Refusal {
  return new Refusal(
    code,
    errors.map((error) => {
      const { message, locations, extensions } = ('toJSON' in error ? error.toJSON() : error) as GraphQLFormattedError;
      const told = message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…` : message;
      return { message: told, ...(locations && { locations }), extensions: { ...extensions, code } };
    }),
  );
}

/** A fault that is known before anything is fetched. */
export function toRefusal({ code, message, reason, details }: Fault, path?: ReadonlyArray<string | number>): Refusal {
  const extensions = { ...details, code, ...(reason !== undefined && { reason }) };
  const { retryAfter } = details;
  return new Refusal(code, [{ message, ...(path && { path: [...path] }), extensions }], {
    ...(typeof retryAfter === 'number' && { headers: { 'retry-after': String(retryAfter) } }),
  });
}

/**
 * What a client is told when something was thrown that nobody expected. What was thrown is logged, with its stack; the client is
 * given the id to ask for it by.
 */
export function defect(error: unknown, { log, requestId }: { readonly log: Log; readonly requestId: string }): Refusal {
  if (error instanceof Refusal) return error;
  log.error({ err: error }, 'defect');
  const code = 'INTERNAL_SERVER_ERROR';
  return new Refusal(code, [{ message: 'Something went wrong on our side.', extensions: { code, requestId } }], {
    ofTransport: true,
  });
}

/** A refusal because of the HTTP request itself. */
export function badRequest(message: string, status = 400, headers: Readonly<Record<string, string>> = {}): Refusal {
  const code = 'BAD_REQUEST';
  return new Refusal(code, [{ message, extensions: { code } }], { status, headers, ofTransport: true });
}
