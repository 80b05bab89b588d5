import { fileTypeFromBuffer } from 'file-type';
import { findKind, type MediaRules } from './media-kinds.js';

/** As many first bytes as the recognition of file types may look at. */
export const SNIFF_BYTES = 4_100;

/**
 * Tells the type of a file from its first bytes. Never throws; what is unknown is text or a stream of octets. Kinds of text are no different in their bytes, so
 * the name tells Markdown and CSV, which are as harmless, from other text.
 */
export async function sniffMimeType(head: Uint8Array, filename = ''): Promise<string> {
  const text = readText(head);
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  // What begins like UTF-16 begins like sound, too, by the first twelve bits.
  if (text === null) return found && !isUtf16(head) ? (ALIASES[found.mime] ?? found.mime) : 'application/octet-stream';
  const content = afterPreamble(text);
  if (DRAWING.test(content)) return 'image/svg+xml';
  if (found && (BINARY.test(text) || TEXT_FORMATS[found.mime]?.test(text))) return ALIASES[found.mime] ?? found.mime;
  if (PAGE.test(content)) return 'text/html';
  const extension = /\.([a-z]{2,8})$/i.exec(filename)?.[1]?.toLowerCase() ?? '';
  return TEXTS[extension] ?? 'text/plain';
}

/** Bytes that no text has (WHATWG MIME Sniffing, section 3), but for NUL, which UTF-8 texts have even less. */
const BINARY = /[\u0001-\u0008\u000b\u000e-\u001a\u001c-\u001f]/;

/**
 * Formats that are text, by how they begin. All others that begin with letters (`BM`, `GIF`, `fLaC`) have other bytes soon after: a text
 * that begins with these letters is none of them.
 */
const TEXT_FORMATS: Readonly<Record<string, RegExp>> = {
  'application/pdf': /^%PDF-\d/,
  'application/xml': /^<\?xml\s/,
  'application/rtf': /^\{\\rtf/,
  'application/postscript': /^%!PS/,
  'application/eps': /^%!PS/,
  'application/pgp-encrypted': /^-----BEGIN PGP/,
  'application/x-ms-regedit': /^(REGEDIT4|Windows Registry Editor)/,
  'text/vtt': /^WEBVTT/,
  'text/vcard': /^BEGIN:VCARD/,
  'text/calendar': /^BEGIN:VCALENDAR/,
};

/** What a browser would take for a page by its beginning (WHATWG MIME Sniffing, section 7.1), but for tags that Markdown begins with. */
const PAGE = /^<(!doctype\s+html|html|head|body|script|iframe|style|title|meta|link)[\s>/]/i;
/** A document type names the root element (XML 1.0, section 2.8). Text that only speaks of drawings is none. */
const DRAWING = /^<(!doctype\s+)?([\w.-]+:)?svg[\s>/[]/i;

/** What follows white space, comments and processing instructions; nothing where one of these does not end. */
function afterPreamble(text: string): string {
  let rest = text.trimStart();
  for (;;) {
    const close = rest.startsWith('<!--') ? '-->' : rest.startsWith('<?') ? '?>' : null;
    if (close === null) return rest;
    const end = rest.indexOf(close, 2);
    if (end < 0) return '';
    rest = rest.slice(end + close.length).trimStart();
  }
}

const TEXTS: Readonly<Record<string, string>> = { md: 'text/markdown', markdown: 'text/markdown', csv: 'text/csv' };

/** Types that differ by what is inside in a way that changes nothing. */
const ALIASES: Readonly<Record<string, string>> = {
  'audio/ogg; codecs=opus': 'audio/ogg',
  'image/heic-sequence': 'image/heic',
  'image/heif-sequence': 'image/heif',
};

/** Whether bytes begin with the mark of UTF-16, as texts of Windows do. */
export function isUtf16(head: Uint8Array): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
}

/** Null when it is no text in UTF-8, nor in UTF-16 that says so. A character that the cut splits is no fault. */
function readText(head: Uint8Array): string | null {
  const encoding = isUtf16(head) ? (head[0] === 0xff ? 'utf-16le' : 'utf-16be') : 'utf-8';
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
    return text.includes('\0') || (encoding !== 'utf-8' && BINARY.test(text)) ? null : text;
  } catch {
    return null;
  }
}

const PICTURE_NAMES = /\.(jpe?g|png|gif|webp|avif|tiff?|hei[cf]|bmp)$/i;
/** What the names of drawings end with, which programs open as such whatever they hold. */
const DRAWING_NAME = /\.svg$/i;
/** Of a drawing: what runs, or loads what runs (SVG 2, section 15), whatever prefix its namespace has. */
const ACTIVE = /<([\w.-]+:)?(script|foreignObject|iframe|handler)[\s>/]|[\s/"']on[a-z]+\s*=|javascript:/i;

/** Whether something active is to be seen in the beginning of a drawing, which is all of it that is looked at. */
function isActive(head: Uint8Array): boolean {
  const text = readText(head) ?? '';
  // Browsers leave out such white space of an address (WHATWG URL, section 4.4).
  return ACTIVE.test(text) || /javascript:/i.test(decodeCharacters(text).replace(/[\t\n\r]/g, ''));
}

/** Puts characters in the place of references to them (XML 1.0, section 4.1; those with names are HTML's). */
function decodeCharacters(text: string): string {
  const named = text.replace(/&colon;/gi, ':').replace(/&(tab|newline);/gi, '');
  return named.replace(/&#(?:x([\da-f]{1,8})|(\d{1,10}));?/gi, (all, hex?: string, decimal?: string) => {
    const point = hex === undefined ? Number(decimal) : parseInt(hex, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : all;
  });
}

/** Why a file is not taken by its type: in words; null when it is. */
export function findRefusal(
  mimeType: string,
  head: Uint8Array,
  { filename, rules }: { readonly filename: string; readonly rules: MediaRules },
): string | null {
  if (!rules.allowed.includes(mimeType)) return `Files of type ${mimeType} are not taken.`;
  return findDeceit(mimeType, head, filename);
}

/**
 * What is not taken whatever the settings allow. Drawings are never shown in the origin of media, which is what keeps scripts from running:
 * this is for those who open what they have saved, and tells the honest from the careless, no more.
 */
function findDeceit(mimeType: string, head: Uint8Array, filename: string): string | null {
  if (mimeType === 'image/svg+xml' && isActive(head)) return 'Drawings with scripts are not taken.';
  return findFalseName(mimeType, filename);
}

/** Why a name is not given to a file of a type: in words; null when it may be. */
export function findFalseName(mimeType: string, filename: string): string | null {
  const kind = findKind(mimeType);
  if (PICTURE_NAMES.test(filename) && kind !== 'image')
    return `The name says that the file is a picture, and it is ${mimeType}.`;
  if (DRAWING_NAME.test(filename) && kind !== 'drawing' && kind !== 'image')
    return `The name says that the file is a drawing, and it is ${mimeType}.`;
  return null;
}
