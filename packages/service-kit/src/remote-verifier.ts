import { JWKS_PATH, REVOCATIONS_PATH } from '@taskgraph/contracts';
import { atEach } from './ask-in-turn.js';
import type { LiveFeed } from './live-feed.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { createRemoteJwks } from './remote-jwks.js';
import { createRemoteRevocations } from './revocations/remote-revocations.js';
import type { RevocationList } from './revocations/revocation-list.js';
import { createTokenVerifier, type JwksSource, type TokenVerifier } from './token-verifier.js';

interface RemoteVerifierOptions {
  /** Of the auth service; several, with commas between them, where it is at several addresses. */
  readonly authUrl: string;
  /** What a test puts in the place of auth's keys: no list of ended sessions goes with them. */
  readonly jwks?: JwksSource | undefined;
  readonly issuer: string;
  readonly audience: string;
  readonly feed: Pick<LiveFeed, 'subscribe'> | null;
  readonly pollMs: number;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** A verifier that follows what auth tells, until it is closed. */
interface RemoteVerifier extends TokenVerifier {
  close(): Promise<void>;
}

/** Verifies access tokens by what auth tells of its keys and of sessions that have ended. */
export function createRemoteVerifier(options: RemoteVerifierOptions): RemoteVerifier {
  const { authUrl, issuer, audience, feed, pollMs, log, metrics } = options;
  const jwks = options.jwks ?? createRemoteJwks({ url: atEach(authUrl, JWKS_PATH), log });
  const revocations = options.jwks
    ? undefined
    : createRemoteRevocations({ url: atEach(authUrl, REVOCATIONS_PATH), feed, pollMs, log });
  if (revocations) watchRevocations(revocations, metrics);
  const verifier = createTokenVerifier({ jwks, issuer, audience, revocations });
  return { ...verifier, close: async () => revocations?.close() };
}

/** Shows how long the list is that tokens are held against. */
export function watchRevocations(revocations: Pick<RevocationList, 'size'>, metrics: Metrics): void {
  const known = metrics.gauge(
    'taskgraph_revoked_sessions',
    'Ended sessions whose access tokens are refused although they have time left.',
    [],
    'max',
  );
  Object.assign(known, { collect: () => known.set(revocations.size) });
}
