import { badUserInput, canonicalText, isLongerThan, isOneLine, isVisible } from '@taskgraph/service-kit';
import { z } from 'zod';

const MAX_EMAIL_CHARACTERS = 254;
const MAX_NAME_CHARACTERS = 80;

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
  if (!isVisible(name) || isLongerThan(name, MAX_NAME_CHARACTERS)) {
    throw badUserInput(`A display name has 1 to ${MAX_NAME_CHARACTERS} characters.`, 'INVALID_DISPLAY_NAME');
  }
  if (!isOneLine(name)) throw badUserInput('A display name has no control characters.', 'INVALID_DISPLAY_NAME');
  return name;
}
