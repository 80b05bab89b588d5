import type { Viewer } from '@taskgraph/service-kit';

/**
 * Whether somebody who attaches an item shows it by that, for good: its uploader and administrators. Others pass on what they see, and
 * no longer than they see it.
 *
 * @param uploaderId undefined where nobody has told yet who it is
 */
export function mayShow({ role, userId }: Pick<Viewer, 'role' | 'userId'>, uploaderId: string | undefined): boolean {
  return role === 'ADMIN' || uploaderId === userId;
}
