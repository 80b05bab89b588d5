import { describe, expect, it } from '@jest/globals';
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';
import { createTotpSecret, describeTotp, findTotpStep } from './totp.js';

/** RFC 6238, appendix B, for SHA-1; the last six of its eight digits (RFC 4226, section 5.3). */
const RFC_SECRET = Buffer.from('12345678901234567890');
const RFC_CODES: ReadonlyArray<readonly [seconds: number, code: string]> = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
];

describe('codes of an authenticator', () => {
  it.each(RFC_CODES)('at second %d is %s', (seconds, code) => {
    expect(findTotpStep(RFC_SECRET, code, seconds * 1000)).toBe(Math.floor(seconds / 30));
  });

  it('are good for one step before and after their own, and are named by their own', () => {
    const own = Math.floor(1_234_567_890 / 30);
    const at = (step: number) => findTotpStep(RFC_SECRET, '005924', step * 30_000 + 1);
    expect([-2, -1, 0, 1, 2].map((delta) => at(own + delta))).toEqual([null, own, own, own, null]);
  });

  it.each(['', '28708', '2870820', '28708a', '\uff12\uff18\uff17\uff10\uff18\uff12', '-87082', '9'.repeat(1_000_000)])(
    'are not %.20j',
    (code) => {
      expect(findTotpStep(RFC_SECRET, code, 59_000)).toBeNull();
    },
  );

  it('may be typed with spaces', () => {
    expect(findTotpStep(RFC_SECRET, ' 287 082 ', 59_000)).toBe(1);
  });

  it('are made of a secret that an app gets by its address', () => {
    const [one, other] = [createTotpSecret(), createTotpSecret()];
    expect(one).toHaveLength(20);
    expect(one.equals(other)).toBe(false);
    const { uri, secret } = describeTotp(RFC_SECRET, { issuer: 'Taskgraph', account: 'ada:+1@example.com' });
    expect(secret).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    const address = new URL(uri);
    expect([address.protocol, address.host]).toEqual(['otpauth:', 'totp']);
    expect(decodeURIComponent(address.pathname)).toBe('/Taskgraph:ada:+1@example.com');
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      secret,
      issuer: 'Taskgraph',
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});

describe('recovery codes', () => {
  it('are ten, all different, and found however they are typed', () => {
    const codes = createRecoveryCodes();
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) {
      expect(code).toMatch(/^[a-z2-7]{6}(-[a-z2-7]{6}){3}$/);
      const typed = ` ${code.toUpperCase().replaceAll('-', ' ')} `;
      expect(hashRecoveryCode(typed)).toEqual(hashRecoveryCode(code));
    }
  });

  it.each(['', '123456', 'abcdef-abcdef-abcdef', '1'.repeat(24), 'a'.repeat(1_000_000)])('are not %.20j', (text) => {
    expect(hashRecoveryCode(text)).toBeNull();
  });
});
