import { badUserInput, canonicalText, isVisible } from '@taskgraph/service-kit';
import { z } from 'zod';
import { PASSWORD_LENGTH } from './password-strength.js';

const MAX_EMAIL_CHARACTERS = 254;
const MAX_NAME_CHARACTERS = 80;
/** Line breaks and other control characters would let a name forge lines wherever names are shown. */
const CONTROL_CHARACTERS = /\p{Cc}/u;

const emailAddress = z.email().max(MAX_EMAIL_CHARACTERS);

/** @throws BAD_USER_INPUT when it cannot be an address */
export function parseEmail(text: string): string {
  const email = normaliseEmail(text);
  if (!emailAddress.safeParse(email).success) throw badUserInput('This is not an e-mail address.', 'INVALID_EMAIL');
  return email;
}

/** The form in which addresses are stored and looked up. */
export function normaliseEmail(text: string): string {
  return canonicalText(text).toLowerCase();
}

/** @throws BAD_USER_INPUT when nothing of it is seen, or it is too long */
export function parseDisplayName(text: string): string {
  const name = canonicalText(text);
  if (!isVisible(name) || name.length > MAX_NAME_CHARACTERS) {
    throw badUserInput(`A display name has 1 to ${MAX_NAME_CHARACTERS} characters.`, 'INVALID_DISPLAY_NAME');
  }
  if (CONTROL_CHARACTERS.test(name))
    throw badUserInput('A display name has no control characters.', 'INVALID_DISPLAY_NAME');
  return name;
}

/**
 * The one form of a password, which keyboards and systems compose in different ways (NIST SP 800-63B, section 3.1.1.2: NFKC).
 *
 * @throws BAD_USER_INPUT when the length is out of bounds; how good it is, is judged elsewhere
 */
export function parseNewPassword(text: string): string {
  const { min, max } = PASSWORD_LENGTH;
  const password = text.length > max * MAX_EXPANSION ? text : normalisePassword(text);
  if (password.length < min || password.length > max) {
    throw badUserInput(`A password has ${min} to ${max} characters.`, 'INVALID_PASSWORD_LENGTH');
  }
  return password;
}

/** Texts that are longer before they are normalised than this many times the limit are too long after it as well. */
const MAX_EXPANSION = 8;

function normalisePassword(text: string): string {
  return text.normalize('NFKC');
}

/**
 * The forms in which a password that somebody gives may have been set, the present one first; those of before passwords had one form
 * were taken as they came. None for what could never have been set, which is not worth hashing.
 *
 * How many there are depends on the text alone, so the time of comparing them tells nothing about an account.
 */
export function possiblePasswords(text: string): string[] {
  if (text.length > PASSWORD_LENGTH.max * MAX_EXPANSION) return [];
  return [...new Set([normalisePassword(text), text])].filter(({ length }) => length <= PASSWORD_LENGTH.max);
}
