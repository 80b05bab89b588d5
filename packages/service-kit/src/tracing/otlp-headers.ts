/** Reads `name=value` pairs, with commas between several and percent-encoding in values; null where it is no such text. */
export function parseOtlpHeaders(text: string): Record<string, string> | null {
  const headers: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const [, name = '', value = ''] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=(.*)$/.exec(pair) ?? [];
    const decoded = decodePercents(value.trim());
    // What no header may hold would fail each export.
    if (name === '' || decoded === null || !/^[\t\x20-\x7e]*$/.test(decoded)) return null;
    headers[name] = decoded;
  }
  return headers;
}

function decodePercents(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
