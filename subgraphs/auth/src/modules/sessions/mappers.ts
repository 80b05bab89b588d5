import type { Session } from '../../generated/prisma/client.js';

/** The row behind a `Session`. */
export type SessionRow = Session;
