import type { Operation } from '../compile/operation.js';
import { badRequest } from '../request/refusal.js';

/** A subscription that its client may have. */
export interface SubscriptionRequest {
  readonly kind: 'subscription';
  readonly operation: Operation;
  /** For compiling it again when the graph changes. */
  readonly text: string;
  readonly operationName: string | undefined;
  /** Labels of `@override` that hold for it, as they came in a header. */
  readonly overrideLabels: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  /** The last event that the client has, when it comes back. */
  readonly lastEventId: string | null;
}

const MAX_EVENT_ID_CHARACTERS = 256;

/** Reads where a client wants to go on. @throws Refusal when it is no event id */
export function readLastEventId(
  extensions: Readonly<Record<string, unknown>>,
  header: string | undefined,
): string | null {
  const given = extensions['lastEventId'] ?? header ?? null;
  if (given === null || given === '') return null;
  if (typeof given !== 'string' || given.length > MAX_EVENT_ID_CHARACTERS)
    throw badRequest(`"lastEventId" has to be a string of at most ${MAX_EVENT_ID_CHARACTERS} characters.`);
  return given;
}
