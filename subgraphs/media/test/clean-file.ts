import { expect } from '@jest/globals';
import fc from 'fast-check';
import { NotUnderstood, withBlanks, type Blank, type ByteSource } from '../src/modules/processing/blanks.js';

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

/**
 * A file in which any bytes are others keeps its length as others get it, and is the same in chunks of any length, or others get none.
 *
 * @param atMost bytes that are changed at once
 */
export async function expectLengthKept(
  find: (source: ByteSource) => Promise<Blank[]>,
  whole: Buffer,
  { numRuns, atMost = 6 }: { readonly numRuns: number; readonly atMost?: number },
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: atMost }),
      fc.integer({ min: 1, max: 600 }),
      async (changes, chunkBytes) => {
        const file = Buffer.from(whole);
        for (const [index, byte] of changes) file[index] = byte;
        const cleaned = await cleanFile(find, file, chunkBytes).catch((error: unknown) => error);
        if (cleaned instanceof NotUnderstood) return;
        expect(cleaned).toHaveLength(file.length);
        expect(cleaned).toEqual(await cleanFile(find, file, file.length));
      },
    ),
    { numRuns },
  );
}
