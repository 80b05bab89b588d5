import { withBlanks, type Blank, type ByteSource } from '../src/modules/processing/blanks.js';

/** A file as others get it, read in chunks of so many bytes. */
export async function cleanFile(
  find: (source: ByteSource) => Promise<Blank[]>,
  file: Buffer,
  chunkBytes: number,
): Promise<Buffer> {
  const blanks = await find({
    byteSize: file.length,
    read: async (start, length) => file.subarray(start, start + length),
  });
  async function* source() {
    for (let start = 0; start < file.length; start += chunkBytes) yield file.subarray(start, start + chunkBytes);
  }
  const parts: Uint8Array[] = [];
  for await (const part of withBlanks(source(), blanks)) parts.push(part);
  return Buffer.concat(parts);
}
