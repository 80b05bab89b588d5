import { revocationPage, type RevocationPage } from '@taskgraph/contracts';
import { exchange } from '@taskgraph/federation-engine/upstream';
import { Agent } from 'undici';
import { createAskInTurn } from '../ask-in-turn.js';
import type { LiveFeed } from '../live-feed.js';
import type { Log } from '../log.js';
import { createRevocationList, type RevocationList } from './revocation-list.js';

interface RemoteRevocationsOptions {
  /** Of the list that auth serves; several where auth is at several addresses, which are asked in turn. */
  readonly url: string | readonly string[];
  readonly feed: Pick<LiveFeed, 'subscribe'> | null;
  readonly pollMs: number;
  readonly log: Log;
}

/** Shorter than the poll: an answer that hangs is asked for anew. */
const MAX_TIMEOUT_MS = 2_000;
/** Of a page, each of whose sessions has less than a hundred. */
const MAX_BYTES = 4 * 2 ** 20;

/** Follows the list of ended sessions that the auth subgraph serves. */
export function createRemoteRevocations({ url, feed, pollMs, log }: RemoteRevocationsOptions): RevocationList {
  const dispatcher = new Agent({ pipelining: 0 });
  const askInTurn = createAskInTurn([url].flat());

  async function readFrom(address: string, cursor: string | null, signal: AbortSignal): Promise<RevocationPage> {
    const { origin, pathname } = new URL(address);
    const { status, text } = await exchange(dispatcher, {
      method: 'GET',
      origin,
      path: cursor === null ? pathname : `${pathname}?after=${encodeURIComponent(cursor)}`,
      idempotent: true,
      headers: { accept: 'application/json', 'cache-control': 'no-cache' },
      body: null,
      signal,
      timeoutMs: Math.min(pollMs, MAX_TIMEOUT_MS),
      maxBytes: MAX_BYTES,
    });
    if (status !== 200) throw new Error(`the list of ended sessions is answered with ${status}`);
    return revocationPage.parse(JSON.parse(text));
  }

  const read = (cursor: string | null, signal: AbortSignal) =>
    askInTurn((address) => readFrom(address, cursor, signal));
  const list = createRevocationList({ read, feed, pollMs, log });
  return {
    ...list,
    get size() {
      return list.size;
    },
    async close() {
      await list.close();
      await dispatcher.close();
    },
  };
}
