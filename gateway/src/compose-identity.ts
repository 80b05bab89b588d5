import type { IncomingMessage } from 'node:http';
import { createOrigins, type JwksSource, type LiveFeed, type Log, type Metrics } from '@taskgraph/service-kit';
import { toClientAddress, toSessionCookies, toTickets } from './admission-settings.js';
import type { GatewayConfig } from './config.js';
import { createClientAddress } from './identity/client-address.js';
import { createIdentify } from './identity/identify.js';
import { createRevocations } from './identity/revocations.js';
import { createSessionCookies } from './identity/session-cookies.js';
import { createTickets } from './identity/tickets.js';

interface IdentitySurroundings {
  /** In the place of what the settings name. */
  readonly jwks: JwksSource | undefined;
  /** Tells at once which sessions have ended. */
  readonly feed: LiveFeed | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Composes what finds out which viewer a request is of, by a token or the cookie of a browser, and from which page and address. */
export function composeIdentity(config: GatewayConfig, { jwks, feed, log, metrics }: IdentitySurroundings) {
  const { jwksUrls, TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience } = config;
  const revocations = jwks ? null : createRevocations({ config, feed, log, metrics });
  const identify = createIdentify({ jwksUrls, jwks, revocations, issuer, audience, log });
  const origins = createOrigins(config.origins);
  const cookieOptions = toSessionCookies(config, { log, metrics });
  const isForeign = (request: IncomingMessage) => origins.of(request) === 'foreign';
  return {
    identify,
    origins,
    addressOf: createClientAddress(toClientAddress(config)),
    sessionCookies: cookieOptions && createSessionCookies({ ...cookieOptions, identify, isForeign, log }),
    tickets: createTickets(toTickets(config)),
    /** Whether tokens are verified here, and not by subgraphs alone. */
    verifiesTokens: jwksUrls !== null || jwks !== undefined,
    /** In order; each is its own, whatever becomes of the one before. */
    onClose: [async () => revocations?.close(), async () => cookieOptions?.close()],
  };
}

export type GatewayIdentity = ReturnType<typeof composeIdentity>;
