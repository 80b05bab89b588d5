import { badUserInput } from '@taskgraph/service-kit';

/** In Unicode code points, of the form that is kept (NIST SP 800-63B, section 3.1.1.2). */
const LENGTH = { min: 10, max: 128 } as const;

/**
 * The one form of a password, which keyboards and systems compose in different ways (NIST SP 800-63B, section 3.1.1.2: NFKC).
 *
 * @throws BAD_USER_INPUT when the length is out of bounds; how good it is, is judged elsewhere
 */
export function parseNewPassword(text: string): string {
  const { min, max } = LENGTH;
  const password = text.length > max * MAX_EXPANSION ? null : normalisePassword(text);
  if (password === null || countCharacters(password) < min || countCharacters(password) > max) {
    throw badUserInput(`A password has ${min} to ${max} characters.`, 'INVALID_PASSWORD_LENGTH');
  }
  return password;
}

/** Texts that are longer before they are normalised than this many times the limit are too long after it as well. */
const MAX_EXPANSION = 8;

function normalisePassword(text: string): string {
  return text.normalize('NFKC');
}

/** Code points: an emoji of one is one, though JavaScript keeps it as two. */
function countCharacters(text: string): number {
  return [...text].length;
}

/**
 * The forms in which a password that somebody gives may have been set, the present one first; those of before passwords had one form
 * were taken as they came. None for what could never have been set, which is not worth hashing.
 *
 * How many there are depends on the text alone, so the time of comparing them tells nothing about an account.
 */
export function possiblePasswords(text: string): string[] {
  if (text.length > LENGTH.max * MAX_EXPANSION) return [];
  return [...new Set([normalisePassword(text), text])].filter((form) => countCharacters(form) <= LENGTH.max);
}
