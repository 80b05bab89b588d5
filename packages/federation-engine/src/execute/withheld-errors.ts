import { Fault } from '../request/fault.js';
import type { MissingViewer } from '../request/missing-viewer.js';
import type { GraphQLFormattedError } from 'graphql';
import type { Identity } from '../request/context.js';
import type { Withholding } from '../compile/security/withheld-selections.js';
import type { Violation } from '../compile/write/writer-run.js';

const UNAUTHORIZED = 'UNAUTHORIZED_FIELD_OR_TYPE';
/** One field may be withheld in every item of a long list: a client knows after some. */
const MAX_ERRORS = 1_000;

/** Why a viewer does not get something: `UNAUTHENTICATED` where signing in would help, `FORBIDDEN` where it would not. */
export function unmetFault(
  { conditions, isHopeless }: Withholding,
  identity: Identity,
  missingViewer: MissingViewer,
): Fault {
  if (!isHopeless && (identity.kind === 'absent' || identity.kind === 'refused')) return missingViewer(identity);
  return conditions.some(({ kind }) => kind === 'policies')
    ? new Fault('FORBIDDEN', 'A policy does not allow this.', { reason: 'POLICY_UNMET' })
    : new Fault('FORBIDDEN', 'Your role does not allow this.', { reason: 'SCOPE_MISSING' });
}

/** Tells of one field that is withheld. */
export function toWithheldError(
  path: ReadonlyArray<string | number>,
  withheld: Withholding,
  identity: Identity,
  missingViewer: MissingViewer,
): GraphQLFormattedError {
  const { code, message, reason, details } = unmetFault(withheld, identity, missingViewer);
  // Not the viewer's fault, and over soon.
  if (code === 'UNAVAILABLE') return { message, path: [...path], extensions: { ...details, code, reason } };
  return { message, path: [...path], extensions: { code, reason: UNAUTHORIZED, cause: reason } };
}

/** Tells of what is withheld in an answer. */
export function toWithheldErrors(
  violations: readonly Violation[],
  identity: Identity,
  missingViewer: MissingViewer,
): GraphQLFormattedError[] {
  const errors: GraphQLFormattedError[] = [];
  for (const { path, withheld } of violations) {
    if (errors.length >= MAX_ERRORS) break;
    if (withheld) errors.push(toWithheldError(path, withheld, identity, missingViewer));
  }
  return errors;
}
