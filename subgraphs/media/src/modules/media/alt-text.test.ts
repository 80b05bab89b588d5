import { describe, expect, it } from '@jest/globals';
import { parseAltText } from './alt-text.js';

describe('an alternative text', () => {
  it('has at most 500 characters, of however many units', () => {
    expect(parseAltText('😀'.repeat(500))).toBe('😀'.repeat(500));
    for (const text of ['😀'.repeat(501), 'x'.repeat(501)])
      expect(() => parseAltText(text)).toThrow(
        expect.objectContaining({ code: 'BAD_USER_INPUT', reason: 'INVALID_ALT_TEXT' }),
      );
  });
});
