import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { ErrorCode } from '@taskgraph/contracts';
import { isUuid, raw, readPreconditions, requestFacts, sendBody, type Target } from '@taskgraph/service-kit';
import accepts from 'accepts';
import type { FastifyInstance } from 'fastify';
import type { MediaDb } from '../../db.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { MediaTelemetry } from '../../telemetry.js';
import { contentOf, findThumbnail, type MediaRow } from '../media/mappers.js';
import { isCopied, isShownInline } from '../../media-kinds.js';
import { isUtf16 } from '../../media-types.js';
import { disposition, selectFile } from './file-responses.js';
import { ICONS } from './icons.js';
import {
  exportKey,
  fileSlug,
  fullKey,
  MIME_TYPES,
  objectKey,
  parseFileSlug,
  type NamedFile,
} from '../../storage/object-keys.js';
import { revisionOf, type SignedUrls } from './signed-urls.js';

export interface FileRouteParts {
  readonly db: MediaDb;
  readonly store: ObjectStore;
  readonly urls: SignedUrls;
  readonly telemetry: MediaTelemetry;
  /** How long a URL of the store itself is good, to which downloads are sent; null where this service carries the bytes. */
  readonly handOverMs: number | null;
}

/** A URL is good for an hour at least; the bytes behind it never change. */
const CACHE_CONTROL = 'private, max-age=3600, immutable';

/** Name files by the tags and times that they have here, which are others in the store. */
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'];

/** Serves `GET` and `HEAD /files/:id/:variant` and `/exports/:id` to the holder of a signed URL. */
export function mountFileRoutes(app: FastifyInstance, parts: FileRouteParts): void {
  app.get(
    '/files/:id/:variant',
    raw((request, response, target) => serveFile(request, response, target, parts)),
  );
  app.get('/icons/:name', raw(serveIcon));
  app.get(
    '/exports/:id',
    raw((request, response, target) => serveExport(request, response, target, parts)),
  );
}

async function serveFile(
  request: IncomingMessage,
  response: ServerResponse,
  { params: { id: given = '', variant: slug = '' }, query }: Target,
  { db, store, urls, telemetry, handOverMs }: FileRouteParts,
): Promise<void> {
  // Letter case means nothing in a UUID (RFC 9562, section 4), but in the keys of the store it does.
  const id = given.toLowerCase();
  const file = parseFileSlug(slug);
  if (!isUuid(id) || !file) return problem(response, 404, 'NOT_FOUND', 'There is no such file.');
  const verdict = urls.verify(id, file, query);
  if (verdict !== 'valid') {
    telemetry.fileRefused(requestFacts(request).log, verdict);
    return problem(
      response,
      403,
      'FORBIDDEN',
      verdict === 'expired' ? 'This link has expired. Ask for a new one.' : 'This link is not valid.',
    );
  }

  const media = await db.mediaItem.findUnique({ where: { id } });
  // What a URL of a file that was replaced answered is kept by caches: it never stands for the file in its place.
  const isThere = media?.status === 'READY' && !media.deletedAt && media.revision === revisionOf(query);
  const found = isThere ? await findFile(store, media, file, request) : null;
  if (!media || !found) return problem(response, 404, 'NOT_FOUND', 'There is no such file.');

  const { key, mimeType, extension, byteSize } = found;
  const etag = `"${media.sha256.slice(0, 32)}-${fileSlug(file)}${extension}"`;
  const contentDisposition = disposition(
    isShownInline(mimeType) ? 'inline' : 'attachment',
    `${media.filename}${extension}`,
  );
  const lastModified = media.revision === 0 ? media.createdAt : media.updatedAt;
  set(response, {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': CACHE_CONTROL,
    // Drawings, documents and text are never shown in this origin: what is active in them runs nowhere.
    'content-disposition': contentDisposition,
    ...(isNegotiated(file) && { vary: 'Accept' }),
    'last-modified': lastModified.toUTCString(),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    // Pages of other origins show these images; the signature in the URL is the permission.
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
  });

  const { range, 'if-range': ifRange } = request.headers;
  const preconditions = readPreconditions(request.headers);
  if (!preconditions)
    return problem(response, 400, 'BAD_REQUEST', 'If-Match and If-None-Match hold tags in quotes, or *.');
  if (handOverMs !== null && request.method === 'GET' && !CONDITIONS.some((name) => request.headers[name])) {
    const expiresAt = new Date(Date.now() + handOverMs);
    const contentType = await findContentType(store, found);
    const target = await store.signUrl(key, { expiresAt, contentType, contentDisposition });
    if (target !== null) return handOver(response, target, handOverMs);
  }

  // Ranges are of GET alone (RFC 9110, section 14.2).
  const part = request.method === 'GET' ? range : undefined;
  const asked = { preconditions, range: part, ifRange: typeof ifRange === 'string' ? ifRange : undefined };
  const selection = selectFile(asked, { etag, lastModified, byteSize });
  switch (selection.kind) {
    case 'failed_precondition':
      return problem(response, 412, 'CONFLICT', 'The file is another one than the request is meant for.');
    case 'not_modified':
      response.statusCode = 304;
      response.end();
      return;
    case 'unsatisfiable':
      response.setHeader('content-range', `bytes */${byteSize}`);
      return problem(response, 416, 'BAD_REQUEST', 'The file does not have these bytes.');
    case 'whole':
      set(response, { 'content-type': await findContentType(store, found), 'content-length': String(byteSize) });
      return send(request, response, store, key);
    case 'part': {
      const { start, end } = selection.range;
      response.statusCode = 206;
      set(response, {
        'content-type': await findContentType(store, found),
        'content-length': String(end - start + 1),
        'content-range': `bytes ${start}-${end}/${byteSize}`,
      });
      return send(request, response, store, key, selection.range);
    }
  }
}

function serveIcon(_request: IncomingMessage, response: ServerResponse, { params: { name = '' } }: Target): void {
  const [, kind = ''] = /^([a-z]+)\.svg$/.exec(name) ?? [];
  const icon = ICONS.get(kind);
  if (icon === undefined) return problem(response, 404, 'NOT_FOUND', 'There is no such file.');
  const headers = {
    'content-type': 'image/svg+xml; charset=utf-8',
    'cache-control': 'public, max-age=86400',
    'content-security-policy': "default-src 'none'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
  };
  sendBody(response, 200, headers, icon);
}

/** Cloud Storage answers ranges and conditions itself; its answers come from another origin, in which there is nothing to take. */
function handOver(response: ServerResponse, target: string, goodMs: number): void {
  for (const name of ['etag', 'last-modified', 'content-type', 'content-disposition']) response.removeHeader(name);
  // Half of its time: a client that follows it from a cache has the other half to do so.
  sendBody(response, 302, { 'cache-control': `private, max-age=${Math.floor(goodMs / 2000)}`, location: target }, '');
}

/** The expired and the removed are not told from what there never was. */
async function serveExport(
  request: IncomingMessage,
  response: ServerResponse,
  { params, query }: Target,
  { db, store, urls, telemetry }: FileRouteParts,
): Promise<void> {
  const id = String(params['id']).toLowerCase();
  if (!isUuid(id)) return problem(response, 404, 'NOT_FOUND', 'There is no such file.');
  const verdict = urls.verifyExport(id, query);
  if (verdict !== 'valid') {
    telemetry.fileRefused(requestFacts(request).log, verdict);
    return problem(response, 403, 'FORBIDDEN', 'This link is not valid, or not any more. Ask for a new one.');
  }
  const row = await db.dataExport.findUnique({ where: { id } });
  const key = exportKey(id);
  const isThere = row?.status === 'READY' && row.expiresAt !== null && row.expiresAt > new Date();
  const object = isThere ? await store.stat(key) : null;
  if (!object) return problem(response, 404, 'NOT_FOUND', 'There is no such file.');
  set(response, {
    'cache-control': 'no-store',
    'content-type': 'application/zip',
    'content-length': String(object.byteSize),
    'content-disposition': 'attachment; filename="taskgraph-export.zip"',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'referrer-policy': 'no-referrer',
  });
  return send(request, response, store, key);
}

interface FoundFile {
  readonly key: string;
  readonly mimeType: string;
  /** Of its name; none for a file as it came. */
  readonly extension: string;
  readonly byteSize: number;
}

/** A URL of a thumbnail that names no format stands for several files (RFC 9110, section 12.1). */
function isNegotiated({ variant, format }: NamedFile): boolean {
  return format === null && variant !== 'original' && variant !== 'full';
}

/** Finds a file in the format that the URL names, or that the request prefers of those that there are. */
async function findFile(
  store: ObjectStore,
  media: MediaRow,
  file: NamedFile,
  request: IncomingMessage,
): Promise<FoundFile | null> {
  const { variant, format } = file;
  if (variant === 'original' || (variant === 'full' && isCopied(media.mimeType))) {
    const key = variant === 'full' ? fullKey(contentOf(media), media.mimeType) : objectKey(contentOf(media), variant);
    const object = await store.stat(key);
    return object && { key, mimeType: media.mimeType, extension: '', byteSize: object.byteSize };
  }
  const hasAvif = variant !== 'full' && findThumbnail(media.thumbnails, variant)?.avifByteSize !== undefined;
  const prefersAvif =
    isNegotiated(file) && accepts(request).type([MIME_TYPES.webp, MIME_TYPES.avif]) === MIME_TYPES.avif;
  const chosen = hasAvif && (format === 'avif' || prefersAvif) ? 'avif' : 'webp';
  if (format !== null && format !== chosen) return null;
  const key = objectKey(contentOf(media), variant, chosen);
  const object = await store.stat(key);
  return object && { key, mimeType: MIME_TYPES[chosen], extension: `.${chosen}`, byteSize: object.byteSize };
}

/** Of a text with its charset, for which its first two bytes are read: UTF-16 says so by them; others are taken in UTF-8 alone. */
async function findContentType(store: ObjectStore, { key, mimeType, byteSize }: FoundFile): Promise<string> {
  if (!mimeType.startsWith('text/')) return mimeType;
  const bytes = byteSize < 2 ? null : await store.openRead(key, { start: 0, end: 1 });
  return `${mimeType}; charset=${bytes && isUtf16(await buffer(bytes)) ? 'utf-16' : 'utf-8'}`;
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  store: ObjectStore,
  key: string,
  range?: { start: number; end: number },
): Promise<void> {
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const bytes = await store.openRead(key, range);
  if (!bytes) {
    response.removeHeader('content-length');
    return problem(response, 404, 'NOT_FOUND', 'There is no such file.');
  }
  try {
    await pipeline(bytes, response);
  } catch (error) {
    // Most often the client has seen enough; the headers are out, so there is nobody to tell.
    requestFacts(request).log.debug({ err: error }, 'a download ended early');
  }
}

/** RFC 9457. */
function problem(response: ServerResponse, status: number, code: ErrorCode, detail: string): void {
  response.removeHeader('etag');
  response.removeHeader('content-disposition');
  response.removeHeader('last-modified');
  const headers = { 'content-type': 'application/problem+json; charset=utf-8', 'cache-control': 'no-store' };
  sendBody(response, status, headers, JSON.stringify({ type: 'about:blank', title: detail, status, code }));
}

function set(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}
