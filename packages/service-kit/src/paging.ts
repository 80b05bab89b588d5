import { badUserInput } from './app-error.js';

export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface PageRequest {
  readonly direction: 'forward' | 'backward';
  readonly size: number;
  /** Exclusive bounds, still encoded. */
  readonly after: string | null;
  readonly before: string | null;
}

/**
 * Reads the arguments of a connection (Relay Cursor Connections, section 4).
 *
 * @throws AppError BAD_USER_INPUT when a size is negative or over the maximum, or both directions are asked for at once
 */
export function parsePageArgs(args: PageArgs, { defaultSize = 20, maxSize = 100 } = {}): PageRequest {
  const { first, last } = args;
  if (first != null && last != null) throw badUserInput('Ask for `first` or `last`, not for both.', 'INVALID_PAGE');
  const backward = last != null;
  const size = first ?? last ?? defaultSize;
  const name = backward ? 'last' : 'first';
  if (size < 0) throw badUserInput(`\`${name}\` must not be negative.`, 'INVALID_PAGE');
  if (size > maxSize)
    throw badUserInput(`\`${name}\` must be at most ${maxSize}.`, 'PAGE_TOO_LARGE', { maximum: maxSize });
  return { direction: backward ? 'backward' : 'forward', size, after: args.after ?? null, before: args.before ?? null };
}

/** Cursors are opaque: base64url of a JSON array of the values that the order is made of. */
export function encodeCursor(values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

const MAX_CURSOR_CHARACTERS = 2_048;

/** @throws AppError BAD_USER_INPUT when the cursor is none of ours */
export function decodeCursor(cursor: string): readonly unknown[] {
  try {
    if (cursor.length > MAX_CURSOR_CHARACTERS) throw new Error('too long');
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(values)) return values;
    throw new Error('not a list');
  } catch (cause) {
    throw invalidCursor(cause);
  }
}

export function invalidCursor(cause?: unknown): Error {
  const error = badUserInput(
    'The cursor is not valid here. Take it from `pageInfo` or an edge of the same list.',
    'INVALID_CURSOR',
  );
  if (cause !== undefined) error.cause = cause;
  return error;
}

interface ConnectionEdge<Node> {
  readonly cursor: string;
  readonly node: Node;
}

export interface Connection<Node> {
  readonly edges: readonly ConnectionEdge<Node>[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

/** Its cursor is made when it is asked for: most readers of a list take one of the whole page, or none. */
class Edge<Row> implements ConnectionEdge<Row> {
  readonly #cursorOf: (row: Row) => string;

  constructor(
    readonly node: Row,
    cursorOf: (row: Row) => string,
  ) {
    this.#cursorOf = cursorOf;
  }

  get cursor(): string {
    return this.#cursorOf(this.node);
  }
}

class PageInfo {
  readonly #edges: readonly ConnectionEdge<unknown>[];

  constructor(
    readonly hasNextPage: boolean,
    readonly hasPreviousPage: boolean,
    edges: readonly ConnectionEdge<unknown>[],
  ) {
    this.#edges = edges;
  }

  get startCursor(): string | null {
    return this.#edges[0]?.cursor ?? null;
  }

  get endCursor(): string | null {
    return this.#edges.at(-1)?.cursor ?? null;
  }
}

/**
 * Makes a page of rows that were read with one more than asked for, in reading order (backwards for `last`).
 * What lies behind the cursor that the page starts at is taken to exist, as the specification allows.
 */
export function toConnection<Row>(
  rows: readonly Row[],
  page: PageRequest,
  cursorOf: (row: Row) => string,
): Connection<Row> {
  const more = rows.length > page.size;
  const kept = rows.slice(0, page.size);
  const isForward = page.direction === 'forward';
  if (!isForward) kept.reverse();
  const edges = kept.map((node) => new Edge(node, cursorOf));
  const hasNextPage = isForward ? more : page.before !== null;
  const hasPreviousPage = isForward ? page.after !== null : more;
  return { edges, pageInfo: new PageInfo(hasNextPage, hasPreviousPage, edges) };
}
