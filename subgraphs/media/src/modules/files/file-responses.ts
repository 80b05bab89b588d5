import parseRange from 'range-parser';
import type { ByteRange } from '../../storage/object-store.js';

/** What of a file is to be sent. */
export type FileSelection =
  | { readonly kind: 'not_modified' }
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

export interface ConditionalHeaders {
  readonly ifNoneMatch?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly range?: string | undefined;
}

/** Decides what to send (RFC 9110, sections 13 and 14). Several ranges at once are answered with the whole. */
export function selectFile(
  { ifNoneMatch, ifRange, range }: ConditionalHeaders,
  etag: string,
  byteSize: number,
): FileSelection {
  if (ifNoneMatch !== undefined && matchesEtag(ifNoneMatch, etag)) return { kind: 'not_modified' };
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return { kind: 'whole' };
  const ranges = parseRange(byteSize, range);
  if (ranges === -1) return { kind: 'unsatisfiable' };
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return { kind: 'whole' };
  const [only] = ranges;
  return only ? { kind: 'part', range: { start: only.start, end: only.end } } : { kind: 'whole' };
}

function matchesEtag(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => {
    const tag = candidate.trim().replace(/^W\//, '');
    return tag === '*' || tag === etag;
  });
}

/** A Content-Disposition that shows the file, or has it saved, and names it (RFC 6266, RFC 8187). */
export function disposition(kind: 'inline' | 'attachment', filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
