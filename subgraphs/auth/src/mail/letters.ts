import type { Mail } from './mailer.js';

/** Whose account a mail is about. */
export interface Addressee {
  readonly email: string;
  readonly displayName: string;
  readonly emailVerifiedAt: Date | null;
}

/** What a mail is about, with the link that goes into it. */
export interface Letters {
  verifyEmail(to: Addressee, token: string): Mail;
  /** To an address that no account has yet. */
  confirmNewEmail(to: string, token: string): Mail;
  /** To somebody whose address another account wants to have. */
  emailTaken(to: string): Mail;
  resetPassword(to: Addressee, token: string): Mail;
  passwordChanged(to: Addressee): Mail;
  emailChanged(to: Addressee): Mail;
  secondFactorOn(to: Addressee): Mail;
  secondFactorOff(to: Addressee): Mail;
  recoveryCodeUsed(to: Addressee, left: number): Mail;
  accountDeleted(to: Addressee): Mail;
}

/**
 * Writes mails. A token stands behind the `#` of a link: browsers send it to no server, and so it is in no log.
 *
 * @param appUrl where people use the application
 */
export function createLetters(appUrl: string): Letters {
  const base = appUrl.replace(/\/+$/, '');
  const link = (page: string, token: string) => `${base}/${page}#token=${token}`;
  // A name is somebody's own word, and a mail is ours: one line of it, at the greeting, is all it gets; and not even that before the address
  // is confirmed, since an attacker who opens an account with the address of a stranger may give an advertisement, or a URL, as their name.
  const letter = (to: Addressee | string, subject: string, lines: readonly string[], url: string | null): Mail => ({
    to: typeof to === 'string' ? to : to.email,
    subject,
    link: url,
    text: [
      typeof to === 'string' || !to.emailVerifiedAt ? 'Hello,' : `Hello ${to.displayName},`,
      ...lines,
      ...(url === null ? [] : [url]),
      'Taskgraph',
    ].join('\n\n'),
  });
  return {
    verifyEmail(to, token) {
      const lines = [
        'an account was opened with this address. If it was not you, do not open the link: ask for a new password at',
        `${base}/forgot-password`,
        'and the account is yours alone. To confirm that it is yours, open this link within three days:',
      ];
      return letter(to, 'Confirm your e-mail address', lines, link('verify-email', token));
    },
    confirmNewEmail(to, token) {
      const lines = ['this is to be the new address of your account. To confirm it, open this link within an hour:'];
      return letter(to, 'Confirm your new e-mail address', lines, link('verify-email', token));
    },
    emailTaken: (to) =>
      letter(
        to,
        'Your address belongs to an account already',
        ['somebody, perhaps you, wanted to use this address for another account. Nothing was changed.'],
        null,
      ),
    resetPassword(to, token) {
      const lines = [
        'somebody, perhaps you, has asked for a new password. To choose one, open this link within an hour. It ends all your sessions. If it was not you, there is nothing to do.',
      ];
      return letter(to, 'Choose a new password', lines, link('reset-password', token));
    },
    passwordChanged: (to) =>
      letter(
        to,
        'Your password was changed',
        ['the password of your account was changed. If it was not you, ask for a new one at once:'],
        `${base}/forgot-password`,
      ),
    secondFactorOn: (to) =>
      letter(
        to,
        'Your account asks for a second factor',
        [
          'from now on a code of your authenticator app is asked for when you log in. If it was not you, change your password at once and tell whoever runs this service.',
        ],
        null,
      ),
    secondFactorOff: (to) =>
      letter(
        to,
        'The second factor of your account is off',
        ['from now on your password alone lets you in. If it was not you, ask for a new password at once:'],
        `${base}/forgot-password`,
      ),
    recoveryCodeUsed: (to, left) =>
      letter(
        to,
        'A recovery code of your account was used',
        [
          `somebody, perhaps you, has logged in with a recovery code. You have ${left} more. If it was not you, ask for a new password at once:`,
        ],
        `${base}/forgot-password`,
      ),
    emailChanged: (to) =>
      letter(
        to,
        'The address of your account was changed',
        [
          'your account has another e-mail address from now on. If it was not you, tell whoever runs this service at once.',
        ],
        null,
      ),
    accountDeleted: (to) =>
      letter(
        to,
        'Your account was deleted',
        [
          'your account was deleted, as you have asked. All that it held is being erased, and nothing of it can be brought back. If it was not you, tell whoever runs this service at once.',
        ],
        null,
      ),
  };
}
