import DataLoader from 'dataloader';
import type { AuthDb } from '../../db.js';

export interface SecondFactorLoaders {
  /** Whether it is asked for, by the user's id. */
  readonly hasSecondFactor: DataLoader<string, boolean>;
}

/** One statement for all users that one execution asks for. */
export function createSecondFactorLoaders(db: AuthDb): SecondFactorLoaders {
  return {
    hasSecondFactor: new DataLoader(async (ids) => {
      const rows = await db.secondFactor.findMany({
        where: { userId: { in: [...ids] }, confirmedAt: { not: null } },
        select: { userId: true },
      });
      const on = new Set(rows.map(({ userId }) => userId));
      return ids.map((id) => on.has(id));
    }),
  };
}
