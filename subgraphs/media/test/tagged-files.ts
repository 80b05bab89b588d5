import { readFileSync } from 'node:fs';

/** What files here tell of their maker, beside pictures and sound. */
export const TAGS = ['of Ada', '+52.5200+013.4050/', 'Lav'] as const;

/** A file as an encoder has written it (`files/README.md`). */
export function taggedFile(
  name: 'tagged.webm' | 'recorded.webm' | 'opus.ogg' | 'vorbis.ogg' | 'flac.ogg' | 'portrait.heic',
): Buffer {
  return readFileSync(new URL(`files/${name}`, import.meta.url));
}
