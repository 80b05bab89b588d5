import { ApolloClient, ApolloLink, gql, InMemoryCache, type DocumentNode } from '@apollo/client';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, of } from 'rxjs';
import { createMemoryStorage } from '../token-storage.js';
import { createAuthLink } from './auth-link.js';
import { createSession } from './session.js';

const ME = gql('query Me { me { id } }');
const CREATE = gql('mutation Create { createTask(input: { title: "a" }) { task { id } } }');
const LOGIN = gql('mutation In { signed: login(input: {}) { __typename } }');
const LOGOUT = gql('mutation Out { bye: logout { revokedSessions } }');

const refusal = (reason: string, data: object | null = null) => ({
  data,
  errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED', reason } }],
});

/** A client whose server answers by the token that it is sent. */
function connect(answer: (token: string | undefined, sent: number) => object) {
  const session = createSession({
    storage: createMemoryStorage(),
    key: 'session',
    exchange: async () => ({ accessToken: 'new', refreshToken: 'r2', expiresIn: 900, user: { id: 'ada' } }),
  });
  const sent: Array<string | undefined> = [];
  const server = new ApolloLink((operation) => {
    const { authorization } = (operation.getContext()['headers'] ?? {}) as { authorization?: string };
    sent.push(authorization);
    return of(answer(authorization, sent.length) as ApolloLink.Result);
  });
  const link = ApolloLink.from([createAuthLink(session), server]);
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  const ask = (query: DocumentNode) =>
    firstValueFrom(ApolloLink.execute(link, { query }, { client })) as Promise<{ data?: unknown; errors?: unknown }>;
  const signIn = () => session.begin({ accessToken: 'old', refreshToken: 'r1', expiresIn: 900, user: { id: 'ada' } });
  return { session, sent, ask, signIn };
}

describe('the auth link', () => {
  const fresh = (token: string | undefined) =>
    token === 'Bearer new' ? { data: { me: { id: 'ada' } } } : refusal('TOKEN_EXPIRED');

  it('sends nothing for nobody, and passes on what is answered', async () => {
    const { ask, sent } = connect(() => refusal('TOKEN_MISSING'));
    expect(await ask(ME)).toEqual(refusal('TOKEN_MISSING'));
    expect(sent).toEqual([undefined]);
  });

  it('sends a query again with a new token, once', async () => {
    const { ask, sent, signIn } = connect(fresh);
    signIn();
    expect(await ask(ME)).toEqual({ data: { me: { id: 'ada' } } });
    expect(sent).toEqual(['Bearer old', 'Bearer new']);
    const stubborn = connect(() => refusal('TOKEN_INVALID'));
    stubborn.signIn();
    expect(await stubborn.ask(ME)).toEqual(refusal('TOKEN_INVALID'));
    expect(stubborn.sent).toHaveLength(2);
  });

  it('sends a mutation again only where no field of it was done', async () => {
    const none = connect((token) => (token === 'Bearer new' ? { data: {} } : refusal('TOKEN_EXPIRED', { a: null })));
    none.signIn();
    await none.ask(CREATE);
    expect(none.sent).toHaveLength(2);
    const half = connect(() => refusal('TOKEN_EXPIRED', { a: null, b: {} }));
    half.signIn();
    expect(await half.ask(CREATE)).toEqual(refusal('TOKEN_EXPIRED', { a: null, b: {} }));
    expect(half.sent).toHaveLength(1);
  });

  it('forgets a session that was ended, and does not ask again', async () => {
    const { ask, sent, session, signIn } = connect(() => refusal('SESSION_REVOKED'));
    signIn();
    expect(await ask(ME)).toEqual(refusal('SESSION_REVOKED'));
    await new Promise((resolve) => setImmediate(resolve));
    expect([sent, session.userId]).toEqual([['Bearer old'], null]);
  });

  it('begins the session with a sign-in and ends it with a logout, whatever the fields are called', async () => {
    const payload = { accessToken: 'a', refreshToken: 'r', expiresIn: 900, user: { id: 'eve' } };
    const { ask, session } = connect((token) =>
      token
        ? { data: { bye: { revokedSessions: 1 } } }
        : { data: { signed: { __typename: 'AuthPayload', ...payload } } },
    );
    await ask(LOGIN);
    expect(session.userId).toBe('eve');
    await ask(LOGOUT);
    expect(session.userId).toBeNull();
  });

  it('begins nothing with a problem, or with a session that is kept in a cookie', async () => {
    for (const signed of [
      { __typename: 'InvalidCredentialsProblem', message: 'no' },
      { __typename: 'AuthPayload', accessToken: '', refreshToken: '', expiresIn: 900, user: { id: 'eve' } },
    ]) {
      const { ask, session } = connect(() => ({ data: { signed } }));
      await ask(LOGIN);
      expect(session.userId).toBeNull();
    }
  });
});
