import { fileTypeFromBuffer } from 'file-type';

/** What is taken. */
export const ALLOWED_MIME_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'] as const;

/** As many first bytes as the recognition of file types may look at. */
export const SNIFF_BYTES = 4_100;

export function isAllowedMimeType(mimeType: string): boolean {
  return (ALLOWED_MIME_TYPES as readonly string[]).includes(mimeType);
}

/** Tells the type of a file from its first bytes. Never throws; what is unknown is text or a stream of octets. */
export async function sniffMimeType(head: Uint8Array): Promise<string> {
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  const text = readText(head);
  if (text !== null && /<svg[\s>]/i.test(text)) return 'image/svg+xml';
  if (found) return found.mime;
  return text === null ? 'application/octet-stream' : 'text/plain';
}

/** Null when it is no UTF-8 text. A character that the cut splits is no fault. */
function readText(head: Uint8Array): string | null {
  if (head.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
  } catch {
    return null;
  }
}
