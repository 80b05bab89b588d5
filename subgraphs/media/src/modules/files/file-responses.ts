import { evaluatePreconditions, type Preconditions } from '@taskgraph/service-kit';
import parseRange from 'range-parser';
import type { ByteRange } from '../../storage/object-store.js';

/** What of a file is to be sent. */
export type FileSelection =
  | { readonly kind: 'failed_precondition' }
  | { readonly kind: 'not_modified' }
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

export interface AskedOfFile {
  readonly preconditions: Preconditions;
  readonly ifRange?: string | undefined;
  readonly range?: string | undefined;
}

export interface KnownFile {
  readonly etag: string;
  readonly lastModified: Date;
  readonly byteSize: number;
}

/** Decides what to send (RFC 9110, sections 13 and 14). Several ranges at once are answered with the whole. */
export function selectFile({ preconditions, ifRange, range }: AskedOfFile, file: KnownFile): FileSelection {
  const outcome = evaluatePreconditions(preconditions, file, true);
  if (outcome === 412) return { kind: 'failed_precondition' };
  if (outcome === 304) return { kind: 'not_modified' };
  // A date is as good as none: two files may be of one second (section 8.8.2.2).
  if (range === undefined || (ifRange !== undefined && ifRange !== file.etag)) return { kind: 'whole' };
  const ranges = parseRange(file.byteSize, withinFile(range, file.byteSize));
  if (ranges === -1) return { kind: 'unsatisfiable' };
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return { kind: 'whole' };
  const [only] = ranges;
  return only ? { kind: 'part', range: { start: only.start, end: only.end } } : { kind: 'whole' };
}

/** More last bytes than there are mean all of them (section 14.1.2), which the parser takes for none. */
function withinFile(range: string, byteSize: number): string {
  return range.replace(/(?<=[=,]\s*)-(\d+)/g, (_all, digits: string) => `-${Math.min(Number(digits), byteSize)}`);
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
