import { badUserInput, canonicalText, isLongerThan, isOneLine, isVisible } from '@taskgraph/service-kit';

const MAX_CHARACTERS = 500;

/** What ends lines, of which a description may have several. */
const ENDS_OF_LINES = /[\p{Cc}\p{Zl}\p{Zp}]/gu;

/** @throws BAD_USER_INPUT when it is too long, or turns round what stands beside it */
export function parseAltText(text: string | null): string | null {
  const altText = canonicalText(text ?? '');
  if (isLongerThan(altText, MAX_CHARACTERS))
    throw badUserInput(`An alternative text has at most ${MAX_CHARACTERS} characters.`, 'INVALID_ALT_TEXT');
  if (!isOneLine(altText.replace(ENDS_OF_LINES, ' ')))
    throw badUserInput('An alternative text does not turn the direction of what stands beside it.', 'INVALID_ALT_TEXT');
  return isVisible(altText) ? altText : null;
}
