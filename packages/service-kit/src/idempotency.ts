import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { IDEMPOTENCY_KEY_HEADER } from '@taskgraph/contracts';
import type { GraphQLResolveInfo } from 'graphql';
import { AppError, badUserInput } from './app-error.js';
import type { RawSqlClient } from './events/outbox.js';
import type { RequestContext } from './request-context.js';
import type { Tx } from './transaction.js';

/** What a client chooses for one thing that it wants made, so that it can ask again when the answer was lost. */
export type IdempotencyKey = string & { readonly idempotencyKey: true };

/** What has become of something that was asked for under a key. */
export type Once<Made> =
  | { readonly kind: 'made'; readonly made: Made }
  /** It was made before: this is its id. */
  | { readonly kind: 'repeated'; readonly id: string };

const MAX_CHARACTERS = 255;
/** What clients make keys of: UUIDs, hashes, names; nothing that is seen as something else. */
const PATTERN = /^[\x21-\x7e]+$/;
/** How long a repetition is told from a new wish. */
const LIFETIME = "interval '24 hours'";
const FORGOTTEN_AT_ONCE = 100;

/** The second of two transactions with one key waits here for the first. */
const CLAIM = `
  INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES ($1::uuid, $2, $3)
  ON CONFLICT (user_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, resource_id = NULL, created_at = now()
    WHERE idempotency_keys.created_at < now() - ${LIFETIME}
  RETURNING key`;
const KNOWN = `SELECT fingerprint, resource_id AS "resourceId" FROM idempotency_keys WHERE user_id = $1::uuid AND key = $2`;
const SETTLE = `UPDATE idempotency_keys SET resource_id = $3::uuid WHERE user_id = $1::uuid AND key = $2`;
const FORGET = `
  DELETE FROM idempotency_keys WHERE (user_id, key) IN (
    SELECT user_id, key FROM idempotency_keys WHERE created_at < now() - ${LIFETIME}
    ORDER BY created_at LIMIT ${FORGOTTEN_AT_ONCE} FOR UPDATE SKIP LOCKED
  )`;

/**
 * Reads the header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header, section 2): a string of structured fields, for which
 * many clients leave out the quotation marks. One without anything in it is no key that was left out: its client believes that it has sent one.
 */
export function readIdempotencyKey(headers: IncomingHttpHeaders): string | null {
  const given = headers[IDEMPOTENCY_KEY_HEADER];
  if (typeof given !== 'string') return null;
  const value = given.trim();
  return /^".*"$/.test(value) ? value.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : value;
}

/**
 * Finds the key of one field of a mutation: its argument, or else the request's header. That stands for the whole request, so each field
 * of it, by its name in the answer, has one of its own.
 *
 * @throws AppError BAD_USER_INPUT, reason INVALID_IDEMPOTENCY_KEY
 */
export function idempotencyKeyOf(
  { idempotencyKey }: Pick<RequestContext, 'idempotencyKey'>,
  argument: string | null | undefined,
  { path }: Pick<GraphQLResolveInfo, 'path'>,
): IdempotencyKey | null {
  const given = argument ?? idempotencyKey ?? null;
  if (given === null) return null;
  if (given.length > MAX_CHARACTERS || !PATTERN.test(given))
    throw badUserInput(
      `An idempotency key has 1 to ${MAX_CHARACTERS} characters of printable ASCII without spaces.`,
      'INVALID_IDEMPOTENCY_KEY',
    );
  // No key holds a space, so an argument never meets a header: which field of a request one stands for is not known to the other.
  return (argument == null ? `${String(path.key)} ${given}` : given) as IdempotencyKey;
}

/**
 * Makes something once, however often it is asked for with one key within 24 hours, at the same time too.
 *
 * @param wish whose key it is, and all that says what is wanted
 * @param make makes it in the same transaction; what it returns has the id
 * @throws AppError BAD_USER_INPUT, reason IDEMPOTENCY_KEY_REUSED, when something else was asked for with that key
 */
export async function makeOnce<Client extends RawSqlClient, Made extends { readonly id: string }>(
  tx: Tx<Client>,
  wish: { readonly key: IdempotencyKey | null; readonly userId: string; readonly wanted: unknown },
  make: () => Promise<Made>,
): Promise<Once<Made>> {
  const { key, userId, wanted } = wish;
  if (key === null) return { kind: 'made', made: await make() };
  const fingerprint = createHash('sha256').update(JSON.stringify(wanted)).digest('hex');
  const claimed = await tx.$queryRawUnsafe<unknown[]>(CLAIM, userId, key, fingerprint);
  if (claimed.length > 0) {
    await tx.$executeRawUnsafe(FORGET);
    const made = await make();
    await tx.$executeRawUnsafe(SETTLE, userId, key, made.id);
    return { kind: 'made', made };
  }
  const [known] = await tx.$queryRawUnsafe<Array<{ fingerprint: string; resourceId: string }>>(KNOWN, userId, key);
  if (known?.fingerprint !== fingerprint)
    throw badUserInput(
      'This idempotency key was used for something else: take a new one for each thing that you want.',
      'IDEMPOTENCY_KEY_REUSED',
    );
  return { kind: 'repeated', id: known.resourceId };
}

/** Lets a key be used again whose thing could not be finished. */
export async function releaseKeyOf<Client extends RawSqlClient>(tx: Tx<Client>, resourceId: string): Promise<void> {
  await tx.$executeRawUnsafe('DELETE FROM idempotency_keys WHERE resource_id = $1::uuid', resourceId);
}

/** What was made under a key is gone: it is not made again. */
export function alreadyGone(what: string): AppError {
  return new AppError('CONFLICT', `${what} was made with this idempotency key before, and has been deleted.`, {
    reason: 'ALREADY_DELETED',
  });
}
