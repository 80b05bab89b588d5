import { REVOCATIONS_PATH } from '@taskgraph/contracts';
import type { Routes } from '@taskgraph/service-kit';
import type { Revocations } from './revocations.js';

/** Serves the list of ended sessions to those who verify tokens. */
export function revocationsRoute(revocations: Pick<Revocations, 'readPage'>): Routes {
  return (app) => {
    app.get(REVOCATIONS_PATH, async ({ query: { after } }, response) => {
      const page = await revocations.readPage(typeof after === 'string' ? after : null);
      response.set('cache-control', 'no-store').json(page);
    });
  };
}
