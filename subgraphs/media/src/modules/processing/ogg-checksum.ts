/** CRC-32 as Ogg has it: the usual polynomial, bits in their order, nothing inverted (RFC 3533, section 6, field 7). */
const POLYNOMIAL = 0x04c11db7;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let sum = index << 24;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 0x8000_0000 ? (sum << 1) ^ POLYNOMIAL : sum << 1;
  return sum >>> 0;
});
const FIELD = { start: 22, end: 26 };

/** The checksum of a page, whose own field counts as zeros. */
export function oggChecksum(page: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < page.length; index += 1) {
    const byte = index >= FIELD.start && index < FIELD.end ? 0 : (page[index] as number);
    sum = ((sum << 8) ^ (TABLE[(sum >>> 24) ^ byte] as number)) >>> 0;
  }
  return sum;
}
