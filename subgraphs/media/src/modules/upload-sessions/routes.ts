import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server } from '@tus/server';
import { isUuid, raw, requestFacts, sendBody, type Log, type RateLimiter, type Target } from '@taskgraph/service-kit';
import type { FastifyInstance } from 'fastify';
import vary from 'vary';
import type { MediaDb } from '../../db.js';
import type { DiskStaging } from '../../storage/disk-staging.js';
import type { MediaTelemetry } from '../../telemetry.js';
import { isStorageFailure } from '../uploads/service.js';
import { createTusLocker, TusStore } from './tus-store.js';

export interface UploadRouteParts {
  readonly db: MediaDb;
  readonly staging: DiskStaging;
  readonly urls: {
    verifyUpload(
      upload: { readonly id: string; readonly userId: string },
      query: Readonly<Record<string, unknown>>,
    ): 'valid' | 'expired' | 'forged';
  };
  readonly telemetry: MediaTelemetry;
  readonly log: Log;
  /** Whether pages of an origin may send files. */
  readonly mayUpload: (origin: string) => boolean;
  readonly lifetimeMs: number;
  readonly maxBytes: number;
  readonly limits: {
    /** Of requests, by user. */
    readonly requests: RateLimiter | null;
    /** Of bytes, by user. */
    readonly bytes: RateLimiter | null;
    readonly refused: (limit: string) => void;
  };
}

const PATH = '/uploads';
const METHODS = ['HEAD', 'PATCH', 'DELETE', 'OPTIONS'];
/** How long a request whose place another takes may go on with what it has read. */
const DRAIN_MS = 200;

/** Serves tus 1.0 at `/uploads/:id` to the holder of the signed URL of a session; sessions are made by `createUpload` alone. */
export function mountUploadRoutes(app: FastifyInstance, parts: UploadRouteParts): void {
  const { db, staging, telemetry, log, mayUpload, lifetimeMs, limits } = parts;
  const tus = new Server({
    path: PATH,
    datastore: new TusStore({
      db,
      staging,
      lifetimeMs,
      onBytes: (byteSize) => telemetry.sessionBytes(byteSize),
      onWritten: (userId, byteSize) => void (byteSize > 0 && limits.bytes?.count(userId, byteSize)),
      onTerminated: (id) => telemetry.sessionEnded(log, id, 'terminated'),
    }),
    locker: createTusLocker(db),
    lockDrainTimeout: DRAIN_MS,
    maxSize: parts.maxBytes,
    getFileIdFromRequest: ({ url }) => idOf(url),
    allowedOrigins: mayUpload,
    onResponseError: (request, error) => {
      if (!(error instanceof Error) || 'status_code' in error) return undefined;
      const cannotStore = isStorageFailure(error);
      requestLogOf(request)?.warn({ err: error }, 'a part of an upload could not be taken');
      return cannotStore
        ? { status_code: 503, body: 'The file cannot be stored now\n' }
        : { status_code: 500, body: 'Something went wrong on our side\n' };
    },
  });

  app.all(
    `${PATH}/:id`,
    raw(async (request, response, { query }) => {
      const { method } = request;
      vary(response, 'Origin');
      if (method !== 'OPTIONS' && !(await admit(request, response, query, parts))) return;
      response.setHeader('cache-control', 'no-store');
      response.setHeader('referrer-policy', 'no-referrer');
      // The server's own promise stays open where the client has gone.
      if (method === 'PATCH') response.once('close', telemetry.sessionPart());
      await tus.handle(request, response);
    }),
  );
}

function requestLogOf(request: { readonly runtime?: { readonly node?: { readonly req?: unknown } } }) {
  const node = request.runtime?.node?.req as IncomingMessage | undefined;
  return node && requestFacts(node).log;
}

function idOf(url: string): string | undefined {
  const id = new URL(url, 'http://localhost').pathname.slice(PATH.length + 1).toLowerCase();
  return isUuid(id) ? id : undefined;
}

/** Answers what is refused; whose session it is, is known by the signature of its URL. */
async function admit(
  request: IncomingMessage,
  response: ServerResponse,
  query: Target['query'],
  { db, urls, telemetry, mayUpload, limits }: UploadRouteParts,
): Promise<boolean> {
  const refuse = (status: number, text: string, headers: Record<string, string> = {}): false => {
    const { origin } = request.headers;
    if (origin !== undefined && mayUpload(origin)) response.setHeader('access-control-allow-origin', origin);
    const all = {
      'content-type': 'text/plain; charset=utf-8',
      'tus-resumable': '1.0.0',
      'cache-control': 'no-store',
      // What is left of the body is read by nobody.
      connection: 'close',
      ...headers,
    };
    sendBody(response, status, all, `${text}\n`);
    return false;
  };
  const { method = '', url = '' } = request;
  if (!METHODS.includes(method)) return refuse(405, 'Not allowed', { allow: METHODS.join(', ') });
  const id = idOf(url);
  const session = id === undefined ? null : await db.uploadSession.findUnique({ where: { id } });
  if (!session) return refuse(404, 'There is no such upload');
  const { userId, expiresAt } = session;
  const verdict = urls.verifyUpload({ id: session.id, userId }, query);
  if (verdict === 'forged') {
    telemetry.fileRefused(requestFacts(request).log, verdict);
    return refuse(403, 'This link is not valid');
  }
  if (verdict === 'expired' || expiresAt <= new Date()) return refuse(410, 'The upload has expired');
  const standings = [limits.requests?.count(userId), limits.bytes?.look(userId)];
  const over = standings.find((standing) => standing?.isOver);
  if (over) {
    limits.refused(over.limit);
    return refuse(429, 'Too much at once', { 'retry-after': String(over.resetSeconds) });
  }
  return true;
}
