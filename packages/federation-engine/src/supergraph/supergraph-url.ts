import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../request/log.js';
import { assertWhole } from './sealed-text.js';
import { UnreadableSupergraph, type SupergraphSource } from './supergraph-source.js';

interface SupergraphUrlOptions {
  readonly url: string;
  readonly pollMs: number;
  /** Of one answer, and of waiting for the first where nobody can answer yet. */
  readonly timeoutMs: number;
  readonly log: Log;
  readonly onReload?: (outcome: 'loaded' | 'refused' | 'unreachable') => void;
}

const FIRST_READ_PAUSE_MS = 500;

/** Far more than any supergraph: an answer without an end is none. */
const MAX_BYTES = 64 * 2 ** 20;

/**
 * Loads a supergraph over HTTP and asks for it again and again, with the entity tag of the last (RFC 9110, section 13.1.2): what has not
 * changed is not sent. A server that is not there yet, or says that it will be (5xx, 429), is asked again at the start. One that cannot be served is refused with a log line, and not asked for again before it changes; while nobody
 * answers, the last goes on.
 */
export function createSupergraphUrl(options: SupergraphUrlOptions): SupergraphSource {
  const { url, pollMs, timeoutMs, log, onReload } = options;
  const closing = new AbortController();
  /** What a signed address has behind its path is nobody's business. */
  const address = url.replace(/[?#].*$/, '');
  let tag: string | null = null;
  let seen = '';
  let polling: Promise<void> = Promise.resolve();

  /** Null where it is the one of the last time. */
  async function read(): Promise<string | null> {
    const response = await fetch(url, {
      headers: { accept: '*/*', ...(tag !== null && { 'if-none-match': tag }) },
      signal: AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (response.status === 304) {
      await response.body?.cancel();
      return null;
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new UnexpectedStatus(response.status);
    }
    const text = await readText(response);
    tag = response.headers.get('etag');
    if (text === seen) return null;
    seen = text;
    return text;
  }

  /** @throws what the last try has thrown */
  async function readFirst(): Promise<string> {
    const givenUpAt = Date.now() + timeoutMs;
    let isFirstTry = true;
    for (;;) {
      try {
        return (await read()) ?? '';
      } catch (error) {
        if (!isTransient(error) || Date.now() + FIRST_READ_PAUSE_MS > givenUpAt) throw error;
        if (isFirstTry)
          log.warn({ err: error, url: address }, 'the supergraph cannot be asked for yet; it is tried again');
        isFirstTry = false;
        if (!(await pause(FIRST_READ_PAUSE_MS, true))) throw error;
      }
    }
  }

  async function poll(onText: (text: string) => Promise<void>): Promise<void> {
    let isReached = true;
    while (await pause(pollMs)) {
      let text: string | null;
      try {
        text = await read();
        if (!isReached) log.info({ url: address }, 'the supergraph is reached again');
        isReached = true;
      } catch (error) {
        if (closing.signal.aborted) return;
        onReload?.('unreachable');
        if (isReached) log.error({ err: error, url: address }, 'the supergraph cannot be asked for; the last goes on');
        isReached = false;
        continue;
      }
      if (text === null || closing.signal.aborted) continue;
      try {
        assertWhole(text);
        await onText(text);
        onReload?.('loaded');
        log.info({ url: address }, 'supergraph reloaded');
      } catch (error) {
        if (closing.signal.aborted) return;
        onReload?.('refused');
        log.error({ err: error, url: address }, 'the new supergraph cannot be served; the one before goes on');
      }
    }
  }

  /** False when it is over. */
  async function pause(ms: number, ref = false): Promise<boolean> {
    await delay(ms, undefined, { signal: closing.signal, ref }).catch(() => undefined);
    return !closing.signal.aborted;
  }

  return {
    async start(onText) {
      let text: string;
      try {
        text = await readFirst();
        assertWhole(text);
      } catch (cause) {
        throw new UnreadableSupergraph(`${address} cannot be read (${(cause as Error).message})`, { cause });
      }
      await onText(text);
      polling = poll(onText);
    },
    async close() {
      closing.abort();
      await polling;
    },
  };
}

class UnexpectedStatus extends Error {
  constructor(readonly status: number) {
    super(`it answers ${status}`);
  }
}

/** Whether the same request may be answered a moment later: nobody has, or somebody has said so. */
function isTransient(error: unknown): boolean {
  return !(error instanceof UnexpectedStatus) || error.status >= 500 || error.status === 429;
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (body)
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
      chunks.push(chunk);
    }
  return Buffer.concat(chunks).toString('utf8');
}
