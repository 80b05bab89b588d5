import { JWKS_PATH } from '@taskgraph/contracts';
import type { Routes } from '@taskgraph/service-kit';
import type { KeyRing } from './key-ring.js';

/** How long caches may keep the public keys. */
const MAX_AGE_SECONDS = 15;

/** Serves the keys by which everybody verifies tokens (RFC 7517). */
export function jwksRoute(keyRing: Pick<KeyRing, 'publicKeys'>): Routes {
  return (app) => {
    app.get(JWKS_PATH, (_request, reply) => {
      reply
        .header('cache-control', `public, max-age=${MAX_AGE_SECONDS}`)
        .type('application/jwk-set+json; charset=utf-8')
        .send(JSON.stringify({ keys: keyRing.publicKeys }));
    });
  };
}
