/** What a file is to those who see it: each kind has its icon. */
export const MEDIA_KINDS = ['image', 'drawing', 'pdf', 'text', 'document', 'archive', 'video', 'audio'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

const OFFICE = 'application/vnd.openxmlformats-officedocument';
const OPEN_DOCUMENT = 'application/vnd.oasis.opendocument';

/** Every type that may be taken. */
const KINDS: Readonly<Record<string, MediaKind>> = {
  'image/jpeg': 'image',
  'image/png': 'image',
  'image/webp': 'image',
  'image/gif': 'image',
  'image/avif': 'image',
  'image/tiff': 'image',
  'image/heic': 'image',
  'image/heif': 'image',
  'image/svg+xml': 'drawing',
  'application/pdf': 'pdf',
  'text/plain': 'text',
  'text/markdown': 'text',
  'text/csv': 'text',
  [`${OFFICE}.wordprocessingml.document`]: 'document',
  [`${OFFICE}.spreadsheetml.sheet`]: 'document',
  [`${OFFICE}.presentationml.presentation`]: 'document',
  [`${OPEN_DOCUMENT}.text`]: 'document',
  [`${OPEN_DOCUMENT}.spreadsheet`]: 'document',
  [`${OPEN_DOCUMENT}.presentation`]: 'document',
  'application/zip': 'archive',
  'video/mp4': 'video',
  'video/webm': 'video',
  'video/quicktime': 'video',
  'audio/mpeg': 'audio',
  'audio/mp4': 'audio',
  'audio/x-m4a': 'audio',
  'audio/aac': 'audio',
  'audio/ogg': 'audio',
  'audio/flac': 'audio',
  'audio/wav': 'audio',
};

export const KNOWN_MEDIA_TYPES: readonly string[] = Object.keys(KINDS);

/** Null for a type that is never taken. */
export function findKind(mimeType: string): MediaKind | null {
  return KINDS[mimeType] ?? null;
}

/** Whether something is made of a file before it is ready: smaller versions, the picture of its first page, or a copy for others. */
export function isProcessed(mimeType: string): boolean {
  return findKind(mimeType) === 'pdf' || isForUploaderAlone(mimeType);
}

/** Films and sound of which others get a copy in the same format, without the metadata that cameras and telephones write. */
const COPIED_TYPES = [
  'video/mp4',
  'video/quicktime',
  'audio/mp4',
  'audio/x-m4a',
  'audio/mpeg',
  'audio/aac',
  'audio/flac',
  'audio/wav',
  'video/webm',
  'audio/ogg',
] as const;
export type CopiedType = (typeof COPIED_TYPES)[number];

export function isCopied(mimeType: string): mimeType is CopiedType {
  return (COPIED_TYPES as readonly string[]).includes(mimeType);
}

/** Whether others than the uploader get a version without metadata in the place of the file as it came. */
export function isForUploaderAlone(mimeType: string): boolean {
  return findKind(mimeType) === 'image' || isCopied(mimeType);
}

/** Pictures of which there are codings that nothing here decodes: they are kept as other files are. */
export function needsRareDecoder(mimeType: string): boolean {
  return mimeType === 'image/heic' || mimeType === 'image/heif';
}

/** What browsers show in a page and run nothing of; all else is saved. */
export function isShownInline(mimeType: string): boolean {
  const kind = findKind(mimeType);
  return kind === 'image' || kind === 'video' || kind === 'audio';
}

/** A type such as `image/png`, or all of a kind such as `image/*`. Null for what is never taken. */
export function parseTypePattern(text: string): readonly string[] | null {
  const types = text.endsWith('/*')
    ? KNOWN_MEDIA_TYPES.filter((type) => type.startsWith(text.slice(0, -1)))
    : KNOWN_MEDIA_TYPES.filter((type) => type === text);
  return types.length > 0 ? types : null;
}

/** Which files are taken, and how large they may be. */
export interface MediaRules {
  readonly allowed: readonly string[];
  /** Where a type has a limit of its own. */
  readonly maxBytesOf: Readonly<Record<string, number>>;
}

/** Reads `image/*=104857600`: all of these types have at most so many bytes. */
export function parseTypeLimit(text: string): Readonly<Record<string, number>> | null {
  const [, pattern = '', bytes = ''] = /^([^=]+)=(\d{1,15})$/.exec(text) ?? [];
  const types = parseTypePattern(pattern);
  if (!types || Number(bytes) < 1) return null;
  return Object.fromEntries(types.map((type) => [type, Number(bytes)]));
}

/** How large a file of a type may be, where any may have so many bytes. */
export function maxBytesOf(mimeType: string, maxBytes: number, { maxBytesOf: ofType }: MediaRules): number {
  return Math.min(maxBytes, ofType[mimeType] ?? Infinity);
}
