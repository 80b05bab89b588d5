import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GraphQLResult } from '@taskgraph/testkit';
import { WebSocket } from 'ws';
import { operation } from '../operations.js';
import { PASSWORD, startStory, type Person, type Story } from '../story.js';

const APP = 'https://app.example.com';
const ACCESS_TOKEN_SECONDS = 6;
/** By which clocks may differ: verifiers take a token for so long after its end. */
const CLOCK_TOLERANCE_SECONDS = 5;
const UNTIL_REFUSED_MS = (ACCESS_TOKEN_SECONDS + CLOCK_TOLERANCE_SECONDS + 1) * 1000;

interface Answered {
  readonly status: number;
  readonly body: GraphQLResult['body'];
  /** The whole header; null where there is none. */
  readonly setCookie: string | null;
}

describe('a browser keeps its session in a cookie', () => {
  let story: Story;
  beforeAll(async () => {
    story = await startStory({
      settings: {
        SESSION_COOKIES: 'localhost',
        CORS_ORIGINS: APP,
        ACCESS_TOKEN_LIFETIME_SECONDS: String(ACCESS_TOKEN_SECONDS),
      },
    });
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  async function ask(
    name: string,
    variables: Record<string, unknown> = {},
    headers: Record<string, string> = {},
  ): Promise<Answered> {
    const response = await fetch(story.gatewayUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: operation(name), variables }),
    });
    return {
      status: response.status,
      body: (await response.json()) as Answered['body'],
      setCookie: response.headers.get('set-cookie'),
    };
  }
  const reasonOf = ({ body }: Answered) => body.errors?.[0]?.extensions?.['code'];
  const WITH_COOKIE = { 'taskgraph-session': 'cookie' };
  const cookieOf = ({ setCookie }: Answered): string => setCookie?.split(';')[0] ?? '';

  async function logIn(person: Pick<Person, 'email'>): Promise<string> {
    const answer = await ask('Login', { input: { email: person.email, password: PASSWORD } }, WITH_COOKIE);
    expect(answer.body.data?.['login']).toMatchObject({ __typename: 'AuthPayload', accessToken: '', refreshToken: '' });
    expect(answer.setCookie).toMatch(/^taskgraph-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    return cookieOf(answer);
  }

  it('sees no token, and is known by the cookie; other clients get tokens as before', async () => {
    const ada = await story.newPerson('Ada');
    const cookie = await logIn(ada);
    const me = await ask('Me', {}, { cookie });
    expect(me.body.data?.['me'].id).toBe(ada.id);
    const { body } = await ask('Sessions', {}, { cookie });
    expect(body.data?.['sessions'].filter(({ current }: { current: boolean }) => current)).toHaveLength(1);
    const wrong = await ask('Login', { input: { email: ada.email, password: 'not the password' } }, WITH_COOKIE);
    expect(wrong.body.data?.['login'].__typename).toBe('InvalidCredentialsProblem');
    expect(wrong.setCookie).toBeNull();
    const other = await ask('Login', { input: { email: ada.email, password: PASSWORD } });
    expect(other.body.data?.['login'].accessToken).not.toBe('');
    expect(other.setCookie).toBeNull();
  });

  it('goes on when its access tokens expire, for many requests at once too', async () => {
    const ada = await story.newPerson('Ada');
    const cookie = await logIn(ada);
    // No fact tells of it: a token expires by the clock alone, and is taken a while longer.
    await delay(UNTIL_REFUSED_MS);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask('Me', {}, { cookie })));
    expect(answers.map(({ body }) => body.data?.['me']?.id)).toEqual(answers.map(() => ada.id));
  });

  it('is used by its own pages and listed ones alone', async () => {
    const ada = await story.newPerson('Ada');
    const cookie = await logIn(ada);
    const own = new URL(story.gatewayUrl).origin;
    for (const origin of [own, APP])
      expect((await ask('Me', {}, { cookie, origin })).body.data?.['me']?.id).toBe(ada.id);
    const foreign: Array<Record<string, string>> = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `${APP}.evil.example` },
      { origin: 'http://app.example.com' },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
      { 'sec-fetch-site': 'same-site' },
    ];
    for (const headers of foreign) {
      const answer = await ask('CreateTask', { input: { title: 'Forged' } }, { cookie, ...headers });
      expect(reasonOf(answer)).toBe('UNAUTHENTICATED');
      expect((await ask('Logout', {}, { cookie, ...headers, ...WITH_COOKIE })).setCookie).toBeNull();
    }
    // What forms and pictures can send is refused before anybody is looked for.
    const form = await fetch(story.gatewayUrl, {
      method: 'POST',
      headers: { 'content-type': 'text/plain', cookie },
      body: JSON.stringify({ query: operation('Logout') }),
    });
    expect(form.status).toBe(415);
    const picture = await fetch(`${story.gatewayUrl}?query=${encodeURIComponent('{ me { id } }')}`, {
      headers: { cookie },
    });
    expect(picture.status).toBe(400);
    expect((await ask('Me', {}, { cookie })).body.data?.['me']?.id).toBe(ada.id);
  });

  it('ends with a logout, which clears it; and with one elsewhere, after which nothing is said of the cookie', async () => {
    const ada = await story.newPerson('Ada');
    const [first, second, third] = [await logIn(ada), await logIn(ada), await logIn(ada)];
    const out = await ask('Logout', {}, { cookie: first, ...WITH_COOKIE });
    expect(out.body.data).toEqual({ logout: { revokedSessions: 1 } });
    expect(out.setCookie).toMatch(/^taskgraph-session=; .*Max-Age=0$/);
    expect(reasonOf(await ask('Me', {}, { cookie: first }))).toBe('UNAUTHENTICATED');
    // A session that was opened with tokens ends those with cookies as well.
    const fresh = await ask('Login', { input: { email: ada.email, password: PASSWORD } });
    const authorization = `Bearer ${fresh.body.data?.['login'].accessToken as string}`;
    expect((await ask('LogoutEverywhere', {}, { authorization })).body.data?.['logoutEverywhere']).toBeTruthy();
    for (const cookie of [second, third]) {
      let answer = await ask('Me', {}, { cookie });
      while (!answer.body.errors) answer = await ask('Me', {}, { cookie });
      expect(reasonOf(answer)).toBe('UNAUTHENTICATED');
      // The browser may have the cookie of another session by now.
      expect(answer.setCookie).toBeNull();
    }
  });

  it('is not taken away by the late answer to a request with the cookie of before', async () => {
    const ada = await story.newPerson('Ada');
    const before = await logIn(ada);
    const login = { input: { email: ada.email, password: PASSWORD } };
    const [again, ...late] = await Promise.all([
      ask('Login', login, { cookie: before, ...WITH_COOKIE }),
      ...Array.from({ length: 20 }, () => ask('Me', {}, { cookie: before })),
    ]);
    for (const answer of [...late, await ask('Me', {}, { cookie: before })]) expect(answer.setCookie).toBeNull();
    expect((await ask('Me', {}, { cookie: cookieOf(again) })).body.data?.['me'].id).toBe(ada.id);
  });

  it('is nobody with what is no cookie of this system', async () => {
    for (const value of ['a'.repeat(43), 'garbage', 'x'.repeat(10_000), '%00%01', '"; drop table sessions']) {
      const answer = await ask('Me', {}, { cookie: `taskgraph-session=${value}` });
      expect(reasonOf(answer)).toBe('UNAUTHENTICATED');
      expect(answer.setCookie).toBeNull();
    }
    // Auth gives tokens for cookies to gateways only.
    const authUrl = story.graph?.urls.auth;
    if (authUrl !== undefined)
      for (const header of ['', 'v1.e30.forged'])
        expect(
          (await fetch(`${authUrl}/session-tokens`, { method: 'POST', headers: { 'x-taskgraph-client': header } }))
            .status,
        ).toBe(403);
  });

  it('subscribes by it, over WebSocket and as a stream, from its own pages alone', async () => {
    const ada = await story.newPerson('Ada');
    const cookie = await logIn(ada);
    const created = await ask('CreateTask', { input: { title: 'Watched' } }, { cookie });
    const taskId = created.body.data?.['createTask'].task.id as string;
    const url = story.gatewayUrl.replace(/^http/, 'ws');
    const open = (headers: Record<string, string>) => new WebSocket(url, 'graphql-transport-ws', { headers });
    const refused = open({ cookie, origin: 'https://evil.example' });
    const status = await new Promise((resolve) => {
      refused.once('unexpected-response', (_request, response) => resolve(response.statusCode));
      refused.once('error', () => undefined);
    });
    expect(status).toBe(403);
    refused.terminate();

    const socket = open({ cookie, origin: APP });
    const messages: Array<{ type: string; payload?: { data: { taskChanged: { task: { title: string } } } } }> = [];
    let arrived: () => void = () => undefined;
    socket.on('message', (data: Buffer) => {
      messages.push(JSON.parse(data.toString()));
      arrived();
    });
    const next = async (type: string) => {
      for (;;) {
        const index = messages.findIndex((message) => message.type === type);
        if (index >= 0) return messages.splice(index, 1)[0];
        await new Promise<void>((resolve) => (arrived = resolve));
      }
    };
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify({ type: 'connection_init' }));
    await next('connection_ack');
    socket.send(
      JSON.stringify({
        type: 'subscribe',
        id: '1',
        payload: { query: operation('TaskChanged'), variables: { taskId } },
      }),
    );
    // Longer than its access token is taken: the connection goes on with the next one.
    await delay(UNTIL_REFUSED_MS);
    const closed = new Promise<never>((_, reject) =>
      socket.once('close', (code) => reject(new Error(`the connection was closed with ${code}`))),
    );
    closed.catch(() => undefined);
    let heard = null as Awaited<ReturnType<typeof next>> | null;
    const hears = next('next').then((message) => (heard = message));
    // On a busy machine the subscription may be changing over to the next token just now: it is changed until it is heard of.
    for (let version = 1; heard === null; version += 1) {
      const input = { id: taskId, expectedVersion: version, title: `Changed ${version}` };
      const { body } = await ask('UpdateTask', { input }, { cookie });
      expect(body.data?.['updateTask'].__typename).toBe('UpdateTaskSuccess');
      await Promise.race([hears, closed, delay(1_000)]);
    }
    expect(heard?.payload?.data.taskChanged.task.title).toMatch(/^Changed \d+$/);
    socket.terminate();

    const stream = (headers: Record<string, string>) =>
      fetch(`${story.gatewayUrl}?query=${encodeURIComponent('{ me { id } }')}`, {
        headers: { accept: 'text/event-stream', cookie, ...headers },
      });
    expect((await stream({ origin: 'https://evil.example' })).status).toBe(403);
    expect((await stream({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(await (await stream({ origin: APP })).text()).toContain(ada.id);
  });
});
