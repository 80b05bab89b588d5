/** Blocks of FLAC's metadata (RFC 9639, section 8.1): a bit that tells the last, and a type. */
export const FLAC_LAST = 0x80;
export const FLAC_PADDING = 1;
export const FLAC_COMMENT = 4;
/** What the stream is, and where to find moments in it. */
export const FLAC_PLAYED: ReadonlySet<number> = new Set([0, 3]);
