import { describe, expect, it } from '@jest/globals';
import type { Viewer } from '@taskgraph/service-kit';
import { canDelete, canListUploads, canSeeUnattached } from './policy.js';

const as = (userId: string, role: Viewer['role'] = 'USER'): Viewer => ({ userId, sessionId: 's', role, scopes: [] });

describe('who may do what with a media item', () => {
  it.each([
    ['uploader', as('a'), true],
    ['administrator', as('x', 'ADMIN'), true],
    ['stranger', as('x'), false],
  ])('%s', (_who, viewer, may) => {
    expect(canSeeUnattached(viewer, { uploaderId: 'a' })).toBe(may);
    expect(canDelete(viewer, { uploaderId: 'a' })).toBe(may);
    expect(canListUploads(viewer, 'a')).toBe(may);
  });
});
