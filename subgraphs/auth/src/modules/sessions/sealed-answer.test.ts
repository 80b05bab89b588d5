import { describe, expect, it } from '@jest/globals';
import { createOpaqueToken } from '../../opaque-token.js';
import { openAnswer, sealAnswer } from './sealed-answer.js';

describe('a sealed answer', () => {
  const pair = { accessToken: 'access', refreshToken: 'refresh', expiresAt: 1 };

  it('is opened by the token that it was given for, and by no other', () => {
    const token = createOpaqueToken();
    const sealed = sealAnswer(pair, token);
    expect(Buffer.from(sealed).toString('latin1')).not.toContain('refresh');
    expect(openAnswer(sealed, token)).toEqual(pair);
    expect(() => openAnswer(sealed, createOpaqueToken())).toThrow();
    sealed[20] = (sealed[20] ?? 0) ^ 1;
    expect(() => openAnswer(sealed, token)).toThrow();
  });
});
