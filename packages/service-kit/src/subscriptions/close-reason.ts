/** RFC 6455, section 5.5: a control frame has at most 125 bytes, of which the code takes two. */
const MAX_REASON_BYTES = 123;

/** Cuts the reason that a WebSocket is closed with to the bytes that there is room for, between two characters. */
export function closeReason(text: string): string {
  const bytes = new Uint8Array(MAX_REASON_BYTES);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  return text.slice(0, read);
}
