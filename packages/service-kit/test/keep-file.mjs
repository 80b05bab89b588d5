// Keeps a file of as many bytes as its argument says in the spool of uploads, and prints the code of the refusal, or how many bytes there are.
import { buffer } from 'node:stream/consumers';
import { createUploadSpool } from '../dist/uploads/upload-spool.js';

const CHUNK_BYTES = 64 * 1024;

async function* chunks(bytes) {
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) yield Buffer.alloc(Math.min(left, CHUNK_BYTES), 'x');
}

const spool = createUploadSpool({ maxBytes: Number.MAX_SAFE_INTEGER });
try {
  const file = await spool.keep(chunks(Number(process.argv[2])));
  process.stdout.write(String((await buffer(file.createReadStream())).length));
  await file.discard();
} catch ({ code, reason }) {
  process.stdout.write(`${code} ${reason} ${spool.bytes()}`);
}
