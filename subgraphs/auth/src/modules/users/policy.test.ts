import { describe, expect, it } from '@jest/globals';
import type { Viewer } from '@taskgraph/service-kit';
import { canSeeEmail } from './policy.js';

const viewer = (userId: string, role: Viewer['role'] = 'USER'): Viewer => ({
  userId,
  sessionId: 's',
  role,
  scopes: [],
});

describe('canSeeEmail', () => {
  it.each([
    ['the user', viewer('a'), true],
    ['an administrator', viewer('b', 'ADMIN'), true],
    ['another user', viewer('b'), false],
    ['nobody', null, false],
  ])('is for %s: %j → %s', (_who, who, expected) => {
    expect(canSeeEmail(who, { id: 'a' })).toBe(expected);
  });
});
