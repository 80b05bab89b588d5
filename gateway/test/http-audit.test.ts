import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGateway(library());
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** Queries by GET are held to be safe only with a header that foreign pages cannot send. */
const fetchAsApp: typeof fetch = (input, init) =>
  fetch(input, {
    ...init,
    headers: { ...(init?.headers as Record<string, string>), 'apollo-require-preflight': 'true' },
  });

// The audits are made before the gateway listens; only their running needs its address.
describe('the GraphQL over HTTP audit', () => {
  for (const audit of serverAudits({ url: () => `${gateway.url}/graphql`, fetchFn: fetchAsApp })) {
    it(`${audit.id}: ${audit.name}`, async () => {
      const result = await audit.fn();
      expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe('ok');
    });
  }
});
