import { fileTypeFromBuffer } from 'file-type';
import { findKind, type MediaRules } from './media-kinds.js';

/** As many first bytes as the recognition of file types may look at. */
export const SNIFF_BYTES = 4_100;

/** What a browser would take for a page by its beginning (WHATWG MIME Sniffing, section 7.1), but for tags that Markdown begins with. */
const PAGE =
  /^\uFEFF?\s*(<!--[^]*?-->\s*)*<(!doctype\s+html|html|head|body|script|iframe|style|title|meta|link)[\s>/]/i;

/**
 * Tells the type of a file from its first bytes. Never throws; what is unknown is text or a stream of octets. Kinds of text are no different in their bytes, so
 * the name tells Markdown and CSV, which are as harmless, from other text.
 */
export async function sniffMimeType(head: Uint8Array, filename = ''): Promise<string> {
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const text = readText(head);
  if (text !== null && /<svg[\s>]/i.test(text)) return 'image/svg+xml';
  if (found) return ALIASES[found.mime] ?? found.mime;
  if (text === null) return 'application/octet-stream';
  if (PAGE.test(text)) return 'text/html';
  const extension = /\.([a-z]{2,8})$/i.exec(filename)?.[1]?.toLowerCase() ?? '';
  return TEXTS[extension] ?? 'text/plain';
}

const TEXTS: Readonly<Record<string, string>> = { md: 'text/markdown', markdown: 'text/markdown', csv: 'text/csv' };

/** Types that differ by what is inside in a way that changes nothing. */
const ALIASES: Readonly<Record<string, string>> = {
  'audio/ogg; codecs=opus': 'audio/ogg',
  'image/heic-sequence': 'image/heic',
  'image/heif-sequence': 'image/heif',
};

/** Null when it is no UTF-8 text. A character that the cut splits is no fault. */
function readText(head: Uint8Array): string | null {
  if (head.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
  } catch {
    return null;
  }
}

const PICTURE_NAMES = /\.(jpe?g|png|gif|webp|avif|tiff?|hei[cf]|bmp)$/i;
/** Of a drawing: what runs, or loads what runs (SVG 2, section 15). */
const ACTIVE = /<(script|foreignObject|iframe|handler)[\s>/]|\son[a-z]+\s*=|javascript:/i;

/** Why a file is not taken by its type: in words; null when it is. */
export function findRefusal(
  mimeType: string,
  head: Uint8Array,
  { filename, rules }: { readonly filename: string; readonly rules: MediaRules },
): string | null {
  if (!rules.allowed.includes(mimeType)) return `Files of type ${mimeType} are not taken.`;
  return findDeceit(mimeType, head, filename);
}

/** What is not taken whatever the settings allow. Drawings are never shown in the origin of media; this is for those who open what they have saved. */
function findDeceit(mimeType: string, head: Uint8Array, filename: string): string | null {
  if (mimeType === 'image/svg+xml' && ACTIVE.test(readText(head) ?? '')) return 'Drawings with scripts are not taken.';
  if (PICTURE_NAMES.test(filename) && findKind(mimeType) !== 'image')
    return `The name says that the file is a picture, and it is ${mimeType}.`;
  return null;
}
