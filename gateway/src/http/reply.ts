import type { GraphQLFormattedError } from 'graphql';
import type { IncrementalPart } from '../execution/operation-result.js';

/** What goes back to a client for one operation. */
export interface Reply {
  readonly kind: 'reply';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text: `{"data":…,"errors":…}`. */
  readonly body: string;
  /** Set when nothing was executed: why. */
  readonly refusal: readonly GraphQLFormattedError[] | null;
  /** Further parts as JSON texts; null when this is all. */
  readonly rest: AsyncIterable<string> | null;
}

export interface RenderedPart extends Pick<IncrementalPart, 'label' | 'path' | 'data'> {
  readonly errors: readonly object[];
}

/** `{"data":…}`, with errors first so that whoever reads the beginning sees them. */
export function renderBody(data: string | null, errors: readonly object[], more = ''): string {
  const told = errors.length > 0 ? `"errors":${JSON.stringify(errors)}` : '';
  const both = told !== '' && data !== null ? ',' : '';
  return `{${told}${both}${data === null ? '' : `"data":${data}`}${more}}`;
}

/** One later part, in the form that Apollo Client reads (`deferSpec=20220824`). */
export function renderPart({ label, path, data, errors }: RenderedPart, hasNext: boolean): string {
  const told = errors.length > 0 ? `,"errors":${JSON.stringify(errors)}` : '';
  const named = label === null ? '' : `,"label":${JSON.stringify(label)}`;
  return `{"incremental":[{"data":${data},"path":${JSON.stringify(path)}${named}${told}}],"hasNext":${String(hasNext)}}`;
}
