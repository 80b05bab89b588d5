import { ApolloClient, ApolloLink, gql, InMemoryCache, type DocumentNode } from '@apollo/client';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, of } from 'rxjs';
import { createMemoryStorage } from '../token-storage.js';
import { createAuthLink } from './auth-link.js';
import { createCookieSession } from './cookie-session.js';

const ME = gql('query Me { me { id } }');
const LOGIN = gql('mutation In { login(input: {}) { __typename } }');
const LOGOUT = gql('mutation Out { logout { revokedSessions } }');
const WITHOUT_TOKENS = { accessToken: '', refreshToken: '', expiresIn: 900, user: { id: 'ada' } };
const REFUSED = { data: null, errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] };

function connect(answer: (headers: Record<string, string>) => object, text?: string) {
  const storage = createMemoryStorage();
  if (text !== undefined) storage.setItem('session', text);
  const session = createCookieSession({ storage, key: 'session' });
  const sent: Array<Record<string, string>> = [];
  const server = new ApolloLink((operation) => {
    const { headers = {} } = operation.getContext() as { headers?: Record<string, string> };
    sent.push(headers);
    return of(answer(headers) as ApolloLink.Result);
  });
  const link = ApolloLink.from([createAuthLink(session), server]);
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  const ask = (query: DocumentNode) => firstValueFrom(ApolloLink.execute(link, { query }, { client }));
  return { storage, session, sent, ask };
}

describe('a session in a cookie', () => {
  it('begins with an answer that has no tokens, and keeps nothing but whose it is', async () => {
    const { session, storage, sent, ask } = connect(() => ({
      data: { login: { __typename: 'AuthPayload', ...WITHOUT_TOKENS } },
    }));
    const heard: unknown[] = [];
    session.onChange((userId, before) => heard.push([userId, before]));
    await ask(LOGIN);
    expect(sent).toEqual([{ 'taskgraph-session': 'cookie' }]);
    expect([session.userId, await session.accessToken(), await session.replace('x')]).toEqual(['ada', null, null]);
    expect(JSON.parse(storage.getItem('session') ?? '')).toEqual({ userId: 'ada', begunAt: session.begunAt });
    expect(heard).toEqual([['ada', null]]);
  });

  it('says so where the gateway answers with tokens, and begins no session', async () => {
    const { session, ask } = connect(() => ({
      data: { login: { __typename: 'AuthPayload', ...WITHOUT_TOKENS, accessToken: 'a', refreshToken: 'r' } },
    }));
    await expect(ask(LOGIN)).rejects.toThrow('SESSION_COOKIES');
    expect(session.userId).toBeNull();
  });

  it('asks for no cookie where nothing can begin, and ends with logout', async () => {
    const { session, sent, ask } = connect((headers) =>
      headers['taskgraph-session'] ? { data: { logout: { revokedSessions: 1 } } } : { data: { me: { id: 'ada' } } },
    );
    session.begin(WITHOUT_TOKENS);
    await ask(ME);
    expect(sent).toEqual([{}]);
    expect(session.userId).toBe('ada');
    await ask(LOGOUT);
    expect([session.userId, session.begunAt]).toEqual([null, null]);
  });

  it('is over when nobody is known by the cookie, and not for the late answer to one of before', async () => {
    const world: ReturnType<typeof connect> = connect(() => {
      if (world.sent.length === 2) world.storage.setItem('session', '{"userId":"ada","begunAt":7}');
      return REFUSED;
    });
    world.session.begin(WITHOUT_TOKENS);
    expect(await world.ask(ME)).toEqual(REFUSED);
    expect(world.session.userId).toBeNull();
    world.session.begin(WITHOUT_TOKENS);
    await world.ask(ME);
    expect(world.session.userId).toBe('ada');
  });

  it.each(['', 'null', '{', '{"userId":1,"begunAt":1}', '{"userId":"ada"}'])(
    'is nobody’s where the storage has %j',
    (text) => {
      expect(connect(() => REFUSED, text).session.userId).toBeNull();
    },
  );
});
