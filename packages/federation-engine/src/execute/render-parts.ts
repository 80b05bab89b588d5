import type { IncrementalPart, PendingPart } from './operation-result.js';

/** How an answer comes in parts: what Apollo Client calls `Defer20220824Handler`, and `GraphQL17Alpha9Handler`. */
export type PartsFormat = 'deferSpec=20220824' | 'incrementalSpec=v0.2';

/** Later parts as JSON texts, at the pace of their reader. */
export interface RenderedParts extends AsyncIterable<string> {
  readonly format: PartsFormat;
  /** Nobody reads them any more: nothing is measured or waited for from now on. */
  leave(): void;
}

interface RenderedPart extends Pick<IncrementalPart, 'id' | 'label' | 'path' | 'data' | 'isEmpty' | 'pending'> {
  readonly errors: readonly object[];
}

/** What the first part of an answer has beside its data, in this form. */
export function firstMembers(pending: readonly PendingPart[], format: PartsFormat): object {
  const told = format === 'incrementalSpec=v0.2' && pending.length > 0;
  return { ...(told && { pending: pending.map(toPending) }), hasNext: true };
}

/** The same as text. */
export function renderFirst(pending: readonly PendingPart[], format: PartsFormat): string {
  return `,${JSON.stringify(firstMembers(pending, format)).slice(1, -1)}`;
}

/** One later part; null where a client of this form is told nothing of it. */
export function renderPart(part: RenderedPart, format: PartsFormat): string | null {
  const { id, label, path, data, errors, isEmpty, pending } = part;
  if (format === 'deferSpec=20220824') {
    const named = label === null ? '' : `,"label":${JSON.stringify(label)}`;
    return isEmpty
      ? null
      : `"incremental":[{"data":${data},"path":${JSON.stringify(path)}${named}${renderErrors(errors)}}]`;
  }
  const isLost = data === 'null';
  const brought = isEmpty || isLost ? '' : `"incremental":[{"id":"${id}","data":${data}${renderErrors(errors)}}],`;
  return `${brought}"completed":[{"id":"${id}"${isLost ? renderErrors(errors) : ''}}]${renderPending(pending)}`;
}

function renderErrors(errors: readonly object[]): string {
  return errors.length > 0 ? `,"errors":${JSON.stringify(errors)}` : '';
}

function renderPending(pending: readonly PendingPart[]): string {
  return pending.length === 0 ? '' : `,"pending":${JSON.stringify(pending.map(toPending))}`;
}

function toPending({ id, path, label }: PendingPart): object {
  return { id, path, ...(label !== null && { label }) };
}
