import type { User } from '../../generated/prisma/client.js';

/** The row behind a `User`. */
export type UserRow = User;
