import { firstCharacters, isLongerThan, isVisible } from '@taskgraph/service-kit';

const MAX_CHARACTERS = 255;
const FALLBACK = 'unnamed';

/** Names are one line, and what of them is not drawn turns nothing round. */
const UNWANTED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Persian is not spelled without the first of these, nor are families of emoji without the second (Unicode, section 23.2). */
const JOINER = /(?<=[\p{L}\p{N}\p{M}\p{S}\p{P}])[\u200c\u200d](?=[\p{L}\p{N}\p{M}\p{S}\p{P}])/u;
const CLEANED = new RegExp(`(?!${JOINER.source})${UNWANTED.source}`, UNWANTED.flags);

/** The last part of whatever path the client sent, without control characters and of a length that can be stored. */
export function sanitizeFilename(name: string): string {
  const last = name.normalize('NFC').split(/[/\\]/).at(-1) ?? '';
  const clean = last.replace(CLEANED, '').trim();
  if (!isVisible(clean) || /^\.+$/.test(clean)) return FALLBACK;
  if (!isLongerThan(clean, MAX_CHARACTERS)) return clean;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? '';
  // A cut may go behind what joined the next.
  return firstCharacters(clean, MAX_CHARACTERS - extension.length).replace(/[\u200c\u200d]$/u, '') + extension;
}

const ESCAPED: Readonly<Record<string, string>> = { '%22': '"', '%0D': '\r', '%0A': '\n' };

/** A name out of the head of a part, in which forms escape these three characters and nothing else (HTML, section 4.10.21.8). */
export function readPartFilename(name: string): string {
  return name.replace(/%(?:22|0D|0A)/g, (escape) => ESCAPED[escape] ?? escape);
}
