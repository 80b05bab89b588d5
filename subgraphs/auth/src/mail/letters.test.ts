import { describe, expect, it } from '@jest/globals';
import { createLetters, type Addressee, type Letters } from './letters.js';

const NAME = 'Win at https://casino.example';

describe('letters', () => {
  const letters = createLetters('https://tasks.example');
  const write: Readonly<Record<keyof Letters, (to: Addressee) => string>> = {
    verifyEmail: (to) => letters.verifyEmail(to, 'token').text,
    confirmNewEmail: ({ email }) => letters.confirmNewEmail(email, 'token').text,
    emailTaken: ({ email }) => letters.emailTaken(email).text,
    resetPassword: (to) => letters.resetPassword(to, 'token').text,
    passwordChanged: (to) => letters.passwordChanged(to).text,
    emailChanged: (to) => letters.emailChanged(to).text,
    secondFactorOn: (to) => letters.secondFactorOn(to).text,
    secondFactorOff: (to) => letters.secondFactorOff(to).text,
    recoveryCodeUsed: (to) => letters.recoveryCodeUsed(to, 3).text,
    accountDeleted: (to) => letters.accountDeleted(to).text,
  };

  it.each(Object.entries(write))('say no name to an address that nobody has confirmed: %s', (_name, text) => {
    const stranger = { email: 'stranger@example.com', displayName: NAME, emailVerifiedAt: null };
    expect(text(stranger)).not.toContain(NAME);
    expect(text(stranger)).toMatch(/^Hello,\n/);
  });

  it.each(Object.entries(write).filter(([name]) => name !== 'confirmNewEmail' && name !== 'emailTaken'))(
    'greet the owner of an address that is confirmed: %s',
    (_name, text) => {
      const owner = { email: 'ada@example.com', displayName: 'Ada', emailVerifiedAt: new Date() };
      expect(text(owner)).toMatch(/^Hello Ada,\n/);
    },
  );
});
