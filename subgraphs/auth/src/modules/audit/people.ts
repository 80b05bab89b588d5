import { isUuid } from '@taskgraph/service-kit';
import { z } from 'zod';
import type { AuthDbClient, AuthTx } from '../../db.js';
import type { AuditPerson } from '../../generated/prisma/client.js';
import { openBytes, sealBytes } from '../../sealed-bytes.js';

/** Where somebody was, and with what program. */
export interface Origin {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** No account has this id (RFC 9562, section 5.9). */
const NOBODY = '00000000-0000-0000-0000-000000000000';

const origin = z.object({ ipAddress: z.string().nullable(), userAgent: z.string().nullable() });

/** Finds the pseudonyms of people, and gives one to those without. What is no id of an account that is there is left out. */
export async function namePeople(
  tx: AuthTx,
  ids: ReadonlyArray<string | null>,
): Promise<ReadonlyMap<string, AuditPerson>> {
  const userIds = [...new Set(ids.filter((id): id is string => id !== null && isUuid(id)))].sort();
  // Where nobody is named, nobody is looked for: how long a refusal takes must not tell whether an address has an account.
  const known = await findPeople(tx, userIds.length === 0 ? [NOBODY] : userIds);
  if (known.size === userIds.length) return known;
  // An account that is being deleted is waited for, and is not there then.
  await tx.$executeRaw`
    INSERT INTO audit_people (user_id, pseudonym, key)
    SELECT id, gen_random_uuid(), uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
    FROM (SELECT id FROM users WHERE id = ANY(${userIds}::uuid[]) ORDER BY id FOR KEY SHARE) AS there ON CONFLICT DO NOTHING`;
  return findPeople(tx, userIds);
}

async function findPeople(db: AuthDbClient, userIds: string[]): Promise<ReadonlyMap<string, AuditPerson>> {
  const rows = await db.auditPerson.findMany({ where: { userId: { in: userIds } } });
  return new Map(rows.map((row) => [row.userId, row]));
}

/** Seals where somebody was. */
export function sealOrigin(given: Origin, key: Uint8Array): Uint8Array<ArrayBuffer> {
  return sealBytes(Buffer.from(JSON.stringify(given)), key);
}

/** Opens what was sealed. @throws when it was sealed with another key */
export function openOrigin(sealed: Uint8Array, key: Uint8Array): Origin {
  return origin.parse(JSON.parse(openBytes(sealed, key).toString('utf8')));
}
