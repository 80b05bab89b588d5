import { REVOCATIONS_PATH } from '@taskgraph/contracts';
import type { Routes } from '@taskgraph/service-kit';
import type { Revocations } from './revocations.js';

/** Serves the list of ended sessions to those who verify tokens. */
export function revocationsRoute(revocations: Pick<Revocations, 'readPage'>): Routes {
  return (app) => {
    app.get<{ Querystring: { readonly after?: unknown } }>(REVOCATIONS_PATH, async ({ query: { after } }, reply) => {
      const page = await revocations.readPage(typeof after === 'string' ? after : null);
      return reply.header('cache-control', 'no-store').send(page);
    });
  };
}
