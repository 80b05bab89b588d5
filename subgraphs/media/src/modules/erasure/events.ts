import { noteDeletedAccount, type EventHandlers } from '@taskgraph/service-kit';
import type { MediaDbClient } from '../../db.js';

/** @param wake lets the erasure begin */
export function erasureHandlers(wake: () => void): EventHandlers<MediaDbClient> {
  return { 'auth.account-deleted.v1': noteDeletedAccount(wake) };
}
