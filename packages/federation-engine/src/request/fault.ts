export interface FaultDetails {
  /** Refines the code, UPPER_SNAKE. */
  readonly reason?: string | undefined;
  readonly cause?: unknown;
  /** Further members of `errors[].extensions`; must be safe to show to a client. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** A request, or a part of it, cannot be served, for a reason that the client may know. */
export class Fault extends Error {
  /** `errors[].extensions.code`, UPPER_SNAKE. */
  readonly code: string;
  readonly reason: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, { reason, cause, extensions }: FaultDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.code = code;
    this.reason = reason;
    this.details = extensions ?? {};
  }
}

/** A subgraph cannot be reached, or does not answer with what a GraphQL service answers. */
export function unavailable(subgraph: string, cause?: unknown, reason?: string): Fault {
  return new Fault('UNAVAILABLE', `The ${subgraph} service is unavailable. Try again shortly.`, {
    cause,
    reason,
    extensions: { subgraph },
  });
}
