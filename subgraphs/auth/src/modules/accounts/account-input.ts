import { badUserInput, canonicalText, isVisible } from '@taskgraph/service-kit';
import { z } from 'zod';

const MAX_EMAIL_CHARACTERS = 254;
const MAX_NAME_CHARACTERS = 80;
/**
 * Line breaks and other control characters would let a name forge lines wherever names are shown; embeddings, overrides and isolates of
 * direction (Unicode Annex 9, section 2) would turn round what stands beside it. Letters of every script run in their own direction without.
 */
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;

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
