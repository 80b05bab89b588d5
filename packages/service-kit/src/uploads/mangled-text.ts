import type { IncomingMessage } from 'node:http';

/** Tells text that was no UTF-8 from text in which somebody has written a replacement character. */
interface MangledText {
  /** Whether the reader has put a replacement character into a text that had none. To be asked once of each text, as it comes. */
  isMangled(text: string): boolean;
  /** Looks at nothing any more. */
  stop(): void;
}

/** U+FFFD in UTF-8. */
const WRITTEN = '\u00ef\u00bf\u00bd';

/**
 * Counts the replacement characters that the bytes of a form hold. Its parser decodes by itself, in the charset that a part may name, and
 * replaces what cannot be read: so a text with more of them than have come was never sent. One that is percent-encoded (`filename*`, which RFC 7578,
section 4.2, forbids) counts as mangled. Has to be there before the parser reads.
 */
export function watchMangledText(request: IncomingMessage): MangledText {
  let written = 0;
  let rest = '';
  const look = (chunk: Buffer): void => {
    const text = rest + chunk.toString('latin1');
    let end = 0;
    for (let at = text.indexOf(WRITTEN); at >= 0; at = text.indexOf(WRITTEN, end)) {
      written += 1;
      end = at + WRITTEN.length;
    }
    rest = text.slice(Math.max(end, text.length - WRITTEN.length + 1));
  };
  request.on('data', look);
  return {
    isMangled(text) {
      let found = 0;
      for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', at + 1)) found += 1;
      written -= found;
      return written < 0 && found > 0;
    },
    stop: () => void request.off('data', look),
  };
}
