import { notFound, requireViewer, isUuid } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { assertLiveSession } from '../sessions/service.js';
import type { UserRow } from './mappers.js';
import { canSeeEmail, isPrivilegedRead } from './policy.js';

/** @throws UNAUTHENTICATED when the session of the token has ended */
export async function getMe(context: AuthContext): Promise<UserRow> {
  await assertLiveSession(context);
  return getUser(context, requireViewer(context).userId);
}

/** @throws NOT_FOUND when there is no such user, also when the id is none */
export async function getUser(context: AuthContext, id: string): Promise<UserRow> {
  const user = await findUser(context, id);
  if (!user) throw notFound('User');
  return user;
}

export async function findUser({ loaders }: Pick<AuthContext, 'loaders'>, id: string): Promise<UserRow | null> {
  return isUuid(id) ? loaders.user.load(id.toLowerCase()) : null;
}

/** Tells of a user what is for them and for administrators; null to others. What administrators read of others is on record first. */
export function ownField<Value>(
  { viewer, issuedTo, loaders }: Pick<AuthContext, 'viewer' | 'issuedTo' | 'loaders'>,
  user: UserRow,
  read: (user: UserRow) => Value,
): Value | null | Promise<Value> {
  if (issuedTo.has(user.id)) return read(user);
  if (!canSeeEmail(viewer, user)) return null;
  return isPrivilegedRead(viewer, user) ? loaders.privilegedRead(user.id).then(() => read(user)) : read(user);
}
