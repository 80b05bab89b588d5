import { badUserInput, canonicalText, isVisible } from '@taskgraph/service-kit';

const MAX_CHARACTERS = 500;

/** @throws BAD_USER_INPUT when it is too long */
export function parseAltText(text: string | null): string | null {
  const altText = canonicalText(text ?? '');
  if (altText.length > MAX_CHARACTERS)
    throw badUserInput(`An alternative text has at most ${MAX_CHARACTERS} characters.`, 'INVALID_ALT_TEXT');
  return isVisible(altText) ? altText : null;
}
