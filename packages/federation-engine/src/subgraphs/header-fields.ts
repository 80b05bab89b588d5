/** What says how a message is sent belongs to its sender (RFC 9110, section 7.6.1). */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
/** RFC 9110, section 5.5. */
const NO_FIELD_CONTENT = /[^\t\x20-\x7e\x80-\xff]/;
/** Servers of Node take no more than this of all headers together. */
const MAX_CHARACTERS = 16 * 1024;

/** What is wrong with the name of a header, as a sentence goes on; null when nothing is. */
export function faultOfName(name: unknown): string | null {
  if (typeof name !== 'string') return 'is no text';
  if (!TOKEN.test(name)) return 'is no name that a header can have';
  return OF_THE_MESSAGE.has(name.toLowerCase()) ? 'belongs to the message itself' : null;
}

/** What is wrong with the value of a header, as a sentence goes on, without the value; null when nothing is. */
export function faultOfValue(value: unknown): string | null {
  if (typeof value !== 'string') return `has a value that is no text but ${kindOf(value)}`;
  if (value.length > MAX_CHARACTERS) return `has a value of more than ${MAX_CHARACTERS} characters`;
  return NO_FIELD_CONTENT.test(value) ? 'has a value with characters that no header may have' : null;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}
