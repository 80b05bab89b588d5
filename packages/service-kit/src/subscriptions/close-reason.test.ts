import { describe, expect, it } from '@jest/globals';
import { closeReason } from './close-reason.js';

describe('the reason that a connection is closed with', () => {
  it.each(['', 'short', 'x'.repeat(123), 'x'.repeat(500), '€'.repeat(128), 'a' + '🦦'.repeat(100), 'é'.repeat(62)])(
    'has room in its frame: %s',
    (text) => {
      const reason = closeReason(text);
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
      expect(text.startsWith(reason)).toBe(true);
      expect(reason).not.toContain('\uFFFD');
      const next = [...text.slice(reason.length)][0] ?? '';
      expect(next === '' || Buffer.byteLength(reason + next) > 123).toBe(true);
    },
  );
});
