import { describe, expect, it } from '@jest/globals';
import type { Viewer } from '@taskgraph/service-kit';
import { canAssign, canDelete, canSee, isByRoleAlone } from './policy.js';

const as = (userId: string, role: Viewer['role'] = 'USER'): Viewer => ({ userId, sessionId: 's', role, scopes: [] });
const task = { ownerId: 'owner', assigneeId: 'assignee' };

describe('who may do what with a task', () => {
  it.each([
    ['owner', as('owner'), { see: true, delete: true }],
    ['assignee', as('assignee'), { see: true, delete: false }],
    ['administrator', as('x', 'ADMIN'), { see: true, delete: true }],
    ['stranger', as('x'), { see: false, delete: false }],
  ])('%s', (_who, viewer, may) => {
    expect({ see: canSee(viewer, task), delete: canDelete(viewer, task) }).toEqual(may);
  });

  it('lets only the owner and administrators assign somebody', () => {
    expect(canAssign(as('owner'), task, 'x')).toBe(true);
    expect(canAssign(as('x', 'ADMIN'), task, 'x')).toBe(true);
    expect(canAssign(as('assignee'), task, 'x')).toBe(false);
    expect(canAssign(as('assignee'), { ...task, assigneeId: 'y' }, null)).toBe(false);
  });

  it('lets the assignee step back, and name the assignee that is there already', () => {
    expect(canAssign(as('assignee'), task, null)).toBe(true);
    expect(canAssign(as('assignee'), task, 'assignee')).toBe(true);
  });

  it.each([
    ['owner', as('owner', 'ADMIN'), { changes: false, deletes: false }],
    ['assignee', as('assignee', 'ADMIN'), { changes: false, deletes: true }],
    ['stranger', as('x', 'ADMIN'), { changes: true, deletes: true }],
    ['stranger without the role', as('x'), { changes: false, deletes: false }],
  ])('knows what an administrator who is %s does by role alone', (_who, viewer, byRole) => {
    expect({ changes: isByRoleAlone(viewer, task), deletes: isByRoleAlone(viewer, task, true) }).toEqual(byRole);
  });
});
