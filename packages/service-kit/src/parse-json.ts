/** A text that is no JSON, or JSON that is nested too deeply to be worked with. */
export class UnreadableJson extends Error {
  constructor(
    readonly fault: 'SYNTAX' | 'DEPTH',
    message: string,
  ) {
    super(message);
    this.name = 'UnreadableJson';
  }
}

/** Deeper than any client's own data, and far from where recursion over a value would end at the stack's limit. */
export const MAX_JSON_DEPTH = 128;

/**
 * Parses JSON that somebody else has written. `JSON.parse` takes nesting of any depth, but what comes after it, `JSON.stringify`
 * first of all, recurses: a value of some thousand levels would end it with a RangeError.
 *
 * @throws UnreadableJson for what is no JSON (RFC 8259), and beyond `maxDepth` levels of objects and arrays (section 9 allows the limit)
 */
export function parseJson(text: string, maxDepth = MAX_JSON_DEPTH): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnreadableJson('SYNTAX', 'no JSON');
  }
  // Each level has a character at each end.
  if (text.length > 2 * maxDepth && isDeeperThan(value, maxDepth))
    throw new UnreadableJson('DEPTH', `nested deeper than ${maxDepth} levels`);
  return value;
}

/** Whether a value of JSON has more levels of objects and arrays. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    for (const inner of value) if (isDeeperThan(inner, levels - 1)) return true;
    return false;
  }
  // The value is fresh from JSON.parse: everything enumerable is its own.
  for (const name in value) if (isDeeperThan((value as Record<string, unknown>)[name], levels - 1)) return true;
  return false;
}
