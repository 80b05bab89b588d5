import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Smaller answers fit into one packet anyway. */
const MIN_COMPRESSED = 1_024;
const compress = promisify<string, Buffer>(gzip);

const AS_IT_IS: Readonly<Record<string, string>> = {};
const GZIPPED: Readonly<Record<string, string>> = { 'content-encoding': 'gzip' };

/** An answer's text as it goes out, and what its headers say of that. */
export interface Encoded {
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Compresses an answer where it is worth it and its client takes that: the answer varies by `Accept-Encoding` either way. */
export function encodeFor({ headers }: IncomingMessage, body: string): Encoded | Promise<Encoded> {
  if (body.length < MIN_COMPRESSED || !takesGzip(headers['accept-encoding'])) return { body, headers: AS_IT_IS };
  return pack(body);
}

async function pack(body: string): Promise<Encoded> {
  return { body: await compress(body), headers: GZIPPED };
}

function takesGzip(accepted: string | string[] | undefined): boolean {
  return accepted !== undefined && /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(String(accepted));
}
