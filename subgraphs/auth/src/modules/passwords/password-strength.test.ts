import { describe, expect, it } from '@jest/globals';
import { estimatePassword, MIN_PASSWORD_SCORE } from './password-strength.js';

describe('estimatePassword', () => {
  it.each(['password12', 'qwertyuiop', 'aaaaaaaaaaaa', '1234567890'])(
    'finds %s weak and says why',
    async (password) => {
      const { score, suggestions } = await estimatePassword(password, []);
      expect(score).toBeLessThan(MIN_PASSWORD_SCORE);
      expect(suggestions.length).toBeGreaterThan(0);
    },
  );

  it('finds four unrelated words strong', async () => {
    expect((await estimatePassword('seven green otters juggle', [])).score).toBe(4);
  });

  it('judges a long one by its beginning', async () => {
    const strong = 'seven green otters juggle nine purple herons while it rains, and';
    expect((await estimatePassword(strong.padEnd(128, 'a'), [])).score).toBe(4);
    expect((await estimatePassword('password1'.repeat(12), [])).score).toBeLessThan(MIN_PASSWORD_SCORE);
  });

  it('takes none that has leaked', async () => {
    for (const password of ['1234567890', 'QWERTYUIOP', 'basketball'])
      expect(await estimatePassword(password, [])).toEqual({
        score: 0,
        suggestions: [expect.stringContaining('leaked')],
      });
  });

  it("does not let one's own name pass for a secret", async () => {
    const personal = ['wilhelmina.brackenbury@example.com', 'Wilhelmina Brackenbury'];
    expect((await estimatePassword('wilhelminabrackenbury', personal)).score).toBeLessThan(MIN_PASSWORD_SCORE);
  });
});
