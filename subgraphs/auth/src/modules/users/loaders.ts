import DataLoader from 'dataloader';
import type { AuthDb } from '../../db.js';
import type { UserRow } from './mappers.js';

export interface UserLoaders {
  readonly user: DataLoader<string, UserRow | null>;
}

/** Puts on record that an administrator reads what of a user only they and the user see. It is not answered before that is written. */
export type UserReads = (userId: string) => Promise<void>;

/** One statement for all users that one execution asks for. */
export function createUserLoaders(db: AuthDb): UserLoaders {
  return {
    user: new DataLoader(async (ids) => {
      const rows = await db.user.findMany({ where: { id: { in: [...ids] } } });
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => byId.get(id) ?? null);
    }),
  };
}
