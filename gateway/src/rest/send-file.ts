import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { requestFacts } from '@taskgraph/service-kit';
import vary from 'vary';
import { Agent, request as send } from 'undici';
import { BAD_TAGS, Problem, statusOfCode } from './problem.js';

/** Sends the bytes of a file, as the media process has them. */
export interface SendFile {
  /** @throws Problem */
  (
    url: string,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ): Promise<void>;
  close(): Promise<void>;
}

interface SendFileOptions {
  /** Where the media process is, for this gateway; null where the graph has none. */
  readonly mediaUrl: () => string | null;
  /** Until an answer begins. */
  readonly timeoutMs: number;
}

const ASKED = [
  'accept',
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
] as const;
const TOLD = [
  'content-type',
  'content-length',
  'content-range',
  'content-disposition',
  'accept-ranges',
  'etag',
  'last-modified',
  'content-security-policy',
  'referrer-policy',
] as const;
/** Paths of the media process; whatever else a URL is, is of a storage that serves clients itself. */
const OWN_PATH = /^\/files\//;
/** Of a status that is passed on. */
const PASSED = new Set([200, 206, 304]);

/**
 * The graph has decided that the viewer may see the item, and has signed the URL: the media process is asked in nobody's name. What is
 * passed on is asked for again each time, since a copy would outlive the right to see it.
 */
export function createSendFile({ mediaUrl, timeoutMs }: SendFileOptions): SendFile {
  const dispatcher = new Agent({ headersTimeout: timeoutMs, connect: { timeout: timeoutMs } });

  const sendFile = async (...[url, request, response, headers]: Parameters<SendFile>): Promise<void> => {
    const { pathname, search } = new URL(url);
    const origin = mediaUrl();
    if (!OWN_PATH.test(pathname) || origin === null)
      return void response.writeHead(302, { ...headers, location: url, 'cache-control': 'no-store' }).end();
    const { requestId, signal, log } = requestFacts(request);
    const asked = Object.fromEntries(
      ASKED.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]])),
    );
    const answer = await send(new URL(`${pathname}${search}`, origin), {
      dispatcher,
      method: request.method === 'HEAD' ? 'HEAD' : 'GET',
      headers: { ...asked, [REQUEST_ID_HEADER]: requestId },
      signal,
    }).catch((error: unknown) => {
      log.warn({ err: error, subgraph: 'media' }, 'a file could not be asked for');
      const code =
        (error as { code?: unknown }).code === 'UND_ERR_HEADERS_TIMEOUT' ? 'DEADLINE_EXCEEDED' : 'UNAVAILABLE';
      throw new Problem(statusOfCode(code), code, 'The service that has the file cannot be reached.', {
        headers: { 'retry-after': '1' },
      });
    });
    const { statusCode, body } = answer;
    if (!PASSED.has(statusCode)) {
      await body.dump();
      throw toProblem(statusCode, answer.headers['content-range']);
    }
    const { vary: given, 'cache-control': _kept, ...own } = headers;
    vary(response, ['authorization', 'cookie', answer.headers['vary'] ?? [], given ?? []].flat().join(', '));
    response.writeHead(statusCode, {
      ...own,
      ...Object.fromEntries(
        TOLD.flatMap((name) => (answer.headers[name] ? [[name, String(answer.headers[name])]] : [])),
      ),
      'cache-control': 'private, no-cache',
    });
    try {
      await pipeline(body, response);
    } catch (error) {
      // Most often the client has seen enough; the headers are out, so there is nobody to tell.
      log.debug({ err: error }, 'a download ended early');
    }
  };
  return Object.assign(sendFile, { close: () => dispatcher.destroy() });
}

function toProblem(status: number, contentRange: string | string[] | undefined): Problem {
  if (status === 416)
    return new Problem(416, 'BAD_REQUEST', 'The file does not have these bytes.', {
      headers: { 'content-range': String(contentRange) },
    });
  if (status === 400) return new Problem(400, 'BAD_REQUEST', BAD_TAGS);
  if (status === 412) return new Problem(412, 'CONFLICT', 'The file is another one than the request is meant for.');
  if (status < 500 && status !== 429) return new Problem(404, 'NOT_FOUND', 'There is no such file.');
  return new Problem(503, 'UNAVAILABLE', 'The service that has the file is not available.', {
    headers: { 'retry-after': '1' },
  });
}
