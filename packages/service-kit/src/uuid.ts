const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID (RFC 9562). What is none names nothing: asking the database with it would be an error there. */
export function isUuid(text: string): boolean {
  return UUID_PATTERN.test(text);
}
