import { notFound, requireViewer, isUuid } from '@taskgraph/service-kit';
import type { AuthContext } from '../../context.js';
import { assertLiveSession } from '../sessions/service.js';
import type { UserRow } from './mappers.js';

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
