/** What JSON does not take as it is: quotes, backslashes, control characters and lone surrogates. */
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;
/** Beyond this length the native encoder is faster than the look before. */
const SHORT = 200;

/** A text as JSON. */
export function writeString(value: string): string {
  return value.length > SHORT || NEEDS_ESCAPE.test(value) ? JSON.stringify(value) : `"${value}"`;
}
