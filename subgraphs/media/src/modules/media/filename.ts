import { isVisible } from '@taskgraph/service-kit';

const MAX_CHARACTERS = 255;
const FALLBACK = 'unnamed';

/** The last part of whatever path the client sent, without control characters and of a length that can be stored. */
export function sanitizeFilename(name: string): string {
  const last = name.normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const clean = last.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '').trim();
  if (!isVisible(clean) || /^\.+$/.test(clean)) return FALLBACK;
  if (clean.length <= MAX_CHARACTERS) return clean;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? '';
  // A cut may go through a pair, of which a half is no text.
  return clean.slice(0, MAX_CHARACTERS - extension.length).replace(/\p{Surrogate}$/u, '') + extension;
}
