import { describe, expect, it } from '@jest/globals';
import type { Viewer } from '@taskgraph/service-kit';
import { canManage, canListUploads, canSeeUnattached, downloadOf } from './policy.js';

const as = (userId: string, role: Viewer['role'] = 'USER'): Viewer => ({ userId, sessionId: 's', role, scopes: [] });

describe('who may do what with a media item', () => {
  it.each([
    ['uploader', as('a'), true],
    ['administrator', as('x', 'ADMIN'), true],
    ['stranger', as('x'), false],
  ])('%s', (_who, viewer, may) => {
    expect(canSeeUnattached(viewer, { uploaderId: 'a' })).toBe(may);
    expect(canManage(viewer, { uploaderId: 'a' })).toBe(may);
    expect(canListUploads(viewer, 'a')).toBe(may);
  });
});

describe('what somebody downloads of a media item', () => {
  const ready = { uploaderId: 'a', status: 'READY', hasFull: true, mimeType: 'image/png' };
  it.each([
    ['the uploader', as('a'), ready, 'original'],
    ['a stranger', as('x'), ready, 'full'],
    ['an administrator', as('x', 'ADMIN'), ready, 'full'],
    ['a stranger before there is a version for him', as('x'), { ...ready, hasFull: false }, null],
    ['a stranger, of a document', as('x'), { ...ready, hasFull: false, mimeType: 'application/pdf' }, 'original'],
    ['a stranger, of a video', as('x'), { ...ready, mimeType: 'video/mp4' }, 'full'],
    [
      'a stranger, of a video before there is a copy',
      as('x'),
      { ...ready, hasFull: false, mimeType: 'video/mp4' },
      null,
    ],
    ['the uploader while it is processed', as('a'), { ...ready, status: 'PROCESSING' }, null],
    ['the uploader of what has failed', as('a'), { ...ready, status: 'FAILED' }, null],
  ])('%s', (_who, viewer, media, variant) => {
    expect(downloadOf(viewer, media)).toBe(variant);
  });
});
