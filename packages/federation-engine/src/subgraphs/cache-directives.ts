/** Directives of a `Cache-Control` header, by name in lower case; `true` for those without an argument. */
export type CacheDirectives = ReadonlyMap<string, string | true>;

/** One list member: a directive, perhaps with an argument that is a token or a quoted string (RFC 9111, 5.2; RFC 9110, 5.6). */
const DIRECTIVE = /[\t ]*(?:([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?)?[\t ]*(?:,|$)/y;
/** Longer times are as good as this one (RFC 9111, 1.2.2). */
const MAX_SECONDS = 2 ** 31;

/**
 * Reads a `Cache-Control` header, of any number of lines joined by commas. Null for what is no such header: nothing in it can
 * be relied on.
 *
 * A directive that comes twice with different arguments has none: a time is then over, and a list of fields is all of them.
 */
export function readDirectives(text: string): CacheDirectives | null {
  const directives = new Map<string, string | true>();
  DIRECTIVE.lastIndex = 0;
  while (DIRECTIVE.lastIndex < text.length) {
    const match = DIRECTIVE.exec(text);
    if (!match) return null;
    const [, name, token, quoted] = match;
    if (name === undefined) continue;
    const key = name.toLowerCase();
    const value = token ?? quoted?.replace(/\\(.)/gs, '$1') ?? true;
    const before = directives.get(key);
    directives.set(key, before === undefined || before === value ? value : true);
  }
  return directives;
}

/** The seconds that a directive names; 0 for what is no number of seconds, undefined where it is not there. */
export function secondsOf(directives: CacheDirectives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  return typeof value === 'string' && /^\d+$/.test(value) ? Math.min(Number(value), MAX_SECONDS) : 0;
}
