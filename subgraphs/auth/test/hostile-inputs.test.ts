import { buildSubgraphSchema } from '@apollo/subgraph';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  hostilePlaces,
  openRowCounter,
  probeHostilePlace,
  type HostileTarget,
  type RowCounter,
} from '@taskgraph/testkit';
import { encodeCursor } from '@taskgraph/service-kit';
import type { PasswordHasher } from '../src/modules/passwords/password-hasher.js';
import { typeDefs } from '../src/schema.js';
import { PASSWORD, startAuthGraph, type AuthGraph, type Tokens } from './auth-graph.js';

/** Thousands of passwords come in, of which none has to be safe. */
const cheap: PasswordHasher = {
  hash: async (password) => `plain ${password}`,
  isOutdated: () => false,
  verify: async (stored, password) => stored === `plain ${password}`,
};

describe('whatever comes in', () => {
  let graph: AuthGraph;
  let rows: RowCounter;
  let viewer: Tokens & { readonly email: string };
  let admin: Tokens;
  beforeAll(async () => {
    // Every value is a wrong password, of which there are to be no few: what is counted of them is no trace of theirs.
    const limits = { LOGIN_MAX_FAILURES: '1000000', LOGIN_MAX_FAILURES_PER_ACCOUNT: '1000000' };
    graph = await startAuthGraph({ ...limits, LOGIN_MAX_FAILURES_PER_NETWORK: '1000000' }, undefined, {
      passwords: cheap,
    });
    rows = await openRowCounter(graph.database.url);
    const { email, user } = await graph.register();
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [user.id]);
    admin = await graph.login(email);
  });
  afterAll(async () => {
    await rows[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
  });

  let registered = 0;
  const target: HostileTarget = {
    async samples() {
      viewer = await graph.register();
      const samples: Record<string, unknown> = {
        'Query.auditEvents(after)': encodeCursor(['1']),
        'Query.user(id)': viewer.user.id,
        'Query.verifyToken(token)': viewer.accessToken,
        'User.id': viewer.user.id,
        'RegisterInput.email': `other.${(registered += 1)}@example.com`,
        'RegisterInput.password': PASSWORD,
        'LoginInput.email': viewer.email,
        'LoginInput.password': PASSWORD,
        'ChangePasswordInput.currentPassword': PASSWORD,
        'ChangePasswordInput.newPassword': `${PASSWORD} again`,
        'Mutation.refreshSession(refreshToken)': viewer.refreshToken,
      };
      return (coordinate) => samples[coordinate];
    },
    // Others are refused before anything is looked at.
    send: ({ query, variables }) =>
      graph.run(query, { ...variables }, (query.includes('auditEvents') ? admin : viewer).accessToken),
    async countRows() {
      // Links in mails are made beside the answer to who has asked for one, and may be there a moment later.
      const { account_tokens: _links, ...counts } = await rows.count();
      // That a password was guessed with a change is an error, and stays on record.
      const { audit_events: _rows, login_attempts: _guesses, ...others } = counts;
      return others;
    },
  };

  it.each(hostilePlaces(buildSubgraphSchema({ typeDefs })))(
    'at $coordinate, gets a right answer or an error with a code, and leaves nothing half',
    async (place) => {
      expect(await probeHostilePlace(place, target)).toEqual([]);
    },
  );
});
