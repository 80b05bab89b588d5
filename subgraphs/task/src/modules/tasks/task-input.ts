import { badUserInput, canonicalText, isLongerThan, isOneLine, isUuid, isVisible } from '@taskgraph/service-kit';

const MAX_TITLE_CHARACTERS = 200;
const MAX_DESCRIPTION_CHARACTERS = 10_000;
const MAX_LABELS = 20;
const MAX_LABEL_CHARACTERS = 50;
const MAX_SEARCH_CHARACTERS = 200;

/** @throws BAD_USER_INPUT when nothing of it is seen, and when it is too long or not one line */
export function parseTitle(text: string): string {
  const title = canonicalText(text);
  if (!isVisible(title) || isLongerThan(title, MAX_TITLE_CHARACTERS)) {
    throw badUserInput(`A title has 1 to ${MAX_TITLE_CHARACTERS} characters.`, 'INVALID_TITLE');
  }
  if (!isOneLine(title)) throw badUserInput('A title is one line without control characters.', 'INVALID_TITLE');
  return title;
}

/** A description of which nothing is seen is none. @throws BAD_USER_INPUT when it is too long */
export function parseDescription(text: string | null): string | null {
  if (text === null || !isVisible(text)) return null;
  const description = text.normalize('NFC');
  if (isLongerThan(description, MAX_DESCRIPTION_CHARACTERS)) {
    throw badUserInput(`A description has at most ${MAX_DESCRIPTION_CHARACTERS} characters.`, 'INVALID_DESCRIPTION');
  }
  return description;
}

/** Drops repetitions and keeps the order. @throws BAD_USER_INPUT when there are too many or one is malformed */
export function parseLabels(texts: readonly string[]): string[] {
  const labels = [...new Set(texts.map(canonicalText))];
  if (labels.length > MAX_LABELS) throw badUserInput(`A task has at most ${MAX_LABELS} labels.`, 'TOO_MANY_LABELS');
  for (const label of labels) {
    if (!isVisible(label) || isLongerThan(label, MAX_LABEL_CHARACTERS) || !isOneLine(label)) {
      throw badUserInput(`A label has 1 to ${MAX_LABEL_CHARACTERS} characters on one line.`, 'INVALID_LABEL');
    }
  }
  return labels;
}

/** @throws BAD_USER_INPUT when it is no id of a user */
export function parseUserId(id: string, field: string): string {
  if (!isUuid(id)) throw badUserInput(`\`${field}\` is not the id of a user.`, 'INVALID_ID');
  return id.toLowerCase();
}

/** Null when there is nothing to look for. @throws BAD_USER_INPUT when it is too long */
export function parseSearch(text: string): string | null {
  const search = canonicalText(text);
  if (isLongerThan(search, MAX_SEARCH_CHARACTERS)) {
    throw badUserInput(`A search text has at most ${MAX_SEARCH_CHARACTERS} characters.`, 'INVALID_SEARCH');
  }
  return search === '' ? null : search;
}

/** Takes the meaning of wildcards from what goes into LIKE: somebody who looks for `100%` means just that. */
export function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, (character) => `\\${character}`);
}
