import { badUserInput } from '@taskgraph/service-kit';
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
  return text.trim().normalize('NFC').toLowerCase();
}

/** @throws BAD_USER_INPUT when it is empty or too long */
export function parseDisplayName(text: string): string {
  const name = text.trim().normalize('NFC');
  if (name === '' || name.length > MAX_NAME_CHARACTERS) {
    throw badUserInput(`A display name has 1 to ${MAX_NAME_CHARACTERS} characters.`, 'INVALID_DISPLAY_NAME');
  }
  if (CONTROL_CHARACTERS.test(name))
    throw badUserInput('A display name has no control characters.', 'INVALID_DISPLAY_NAME');
  return name;
}

/** @throws BAD_USER_INPUT when the length is out of bounds; how good it is, is judged elsewhere */
export function parseNewPassword(password: string): string {
  const { min, max } = PASSWORD_LENGTH;
  if (password.length < min || password.length > max) {
    throw badUserInput(`A password has ${min} to ${max} characters.`, 'INVALID_PASSWORD_LENGTH');
  }
  return password;
}

/** A password to compare with; one that could never have been set is not worth hashing. */
export function isPossiblePassword(password: string): boolean {
  return password.length <= PASSWORD_LENGTH.max;
}
