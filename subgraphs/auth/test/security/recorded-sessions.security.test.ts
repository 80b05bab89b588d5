import { randomBytes, createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, SESSION_TOKENS_PATH, sessionTokens, uuid7 } from '@taskgraph/contracts';
import { createClientInfoSigner, createLog } from '@taskgraph/service-kit';
import { expectData, postGraphQL, TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAuthDb } from '../../src/db.js';
import { changeRole } from '../../src/modules/roles/service.js';
import { originOf } from '../../src/run-command.js';
import { LOGIN, PASSWORD, REFRESH, startAuthGraph, type AuthGraph } from '../auth-graph.js';
import { asClient, plainPasswords, registerGuarded } from '../second-factor.js';

const ORIGIN = originOf('a command', createLog({ service: 'test', level: 'silent' }));
const SOURCE = fileURLToPath(new URL('../../src/modules', import.meta.url));
const RESET = `mutation($input: ResetPasswordInput!) { resetPassword(input: $input) { __typename } }`;

/** By file of the source: how often it opens sessions, and ends them. Each is tried below. */
const PLACES: Readonly<Record<string, { readonly opens?: number; readonly ends?: number }>> = {
  'accounts/service.ts': { opens: 2, ends: 1 },
  'accounts/complete-login.ts': { opens: 1 },
  'recovery/service.ts': { opens: 1, ends: 1 },
  'second-factor/service.ts': { opens: 1 },
  'sessions/ending.ts': { ends: 1 },
  'sessions/service.ts': { ends: 3 },
  'erasure/service.ts': { ends: 1 },
  'roles/service.ts': { ends: 2 },
};

describe('the audit log', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph({ REFRESH_LEEWAY_SECONDS: '0' }, undefined, { passwords: plainPasswords });
    // Of an account that goes, its sessions go too: they are kept here to be looked for.
    await graph.pool.query(`
      CREATE TABLE seen_sessions (id uuid PRIMARY KEY, ended boolean NOT NULL);
      CREATE FUNCTION see_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen_sessions VALUES (NEW.id, NEW.revoked_at IS NOT NULL)
          ON CONFLICT (id) DO UPDATE SET ended = excluded.ended;
        RETURN NULL; END $$;
      CREATE TRIGGER seen AFTER INSERT OR UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION see_session();`);
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /** The rows that open a session and those that end one, of sessions that were opened since. */
  async function rowsSince(known: ReadonlySet<string>) {
    const { rows: sessions } = await graph.pool.query<{ id: string; ended: boolean }>('SELECT * FROM seen_sessions');
    const { rows } = await graph.pool.query<{
      action: string;
      details: { sessionId?: string; sessions?: string[]; reason?: string; by?: string; secondFactor?: string };
    }>('SELECT action, details FROM audit_events ORDER BY position');
    const isEnd = (action: string) => action === 'REFRESH_TOKEN_REUSE';
    return sessions
      .filter(({ id }) => !known.has(id))
      .map(({ id, ended }) => ({
        ended,
        opened: rows.filter(({ action, details }) => details.sessionId === id && !isEnd(action)),
        ends: rows.filter(
          ({ action, details }) => details.sessions?.includes(id) || (details.sessionId === id && isEnd(action)),
        ),
      }));
  }

  function newCookie() {
    const sessionCookieHash = createHash('sha256').update(randomBytes(32)).digest('base64url');
    const headers = () => {
      const requestId = uuid7();
      const info = { ipAddress: null, userAgent: null, clientName: null, sessionCookieHash };
      return {
        [REQUEST_ID_HEADER]: requestId,
        [CLIENT_INFO_HEADER]: createClientInfoSigner(TEST_CLIENT_INFO_SECRET)(info, requestId),
      };
    };
    return {
      ask: (query: string, variables: Record<string, unknown>, token?: string) =>
        postGraphQL(graph.url, { query, variables, headers: headers(), token }),
      async token() {
        const url = graph.url.replace(/\/graphql$/, '') + SESSION_TOKENS_PATH;
        return sessionTokens.parse(await (await fetch(url, { method: 'POST', headers: headers() })).json()).accessToken;
      },
    };
  }
  const inputOf = (email: string) => ({ input: { email, password: PASSWORD } });

  it.each<readonly [string, () => Promise<unknown>, readonly string[], readonly string[]]>([
    ['an account is opened', () => graph.register(), ['REGISTER'], []],
    [
      'somebody logs out',
      async () => graph.run('mutation { logout { revokedSessions } }', {}, (await graph.register()).accessToken),
      ['REGISTER'],
      ['LOGOUT'],
    ],
    [
      'somebody logs out everywhere',
      async () => {
        const { email } = await graph.register();
        const { accessToken } = await graph.login(email);
        return graph.run('mutation { logoutEverywhere { revokedSessions } }', {}, accessToken);
      },
      ['LOGIN', 'REGISTER'],
      ['LOGOUT', 'LOGOUT'],
    ],
    [
      'a password is changed',
      async () => {
        const { email, accessToken } = await graph.register();
        await graph.login(email);
        const input = { currentPassword: PASSWORD, newPassword: 'nine purple herons waltz' };
        const query = 'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }';
        return graph.run(query, { input }, accessToken);
      },
      ['LOGIN', 'REGISTER'],
      ['PASSWORD_CHANGE'],
    ],
    [
      'a password is set by a mail',
      async () => {
        const { email } = await graph.register();
        expectData(
          await graph.run('mutation($email: String!) { requestPasswordReset(email: $email) { accepted } }', { email }),
        );
        const { token } = await graph.mailbox.next(email, /new password/);
        return graph.run(RESET, { input: { token, newPassword: 'nine purple herons waltz' } });
      },
      ['LOGIN by mail', 'REGISTER'],
      ['PASSWORD_CHANGE by mail'],
    ],
    [
      'a login has a second factor',
      async () => {
        const { email, recoveryCodes } = await registerGuarded(graph);
        const { logIn, complete } = asClient(graph);
        const { challenge } = await logIn(email);
        return complete(challenge, recoveryCodes[0] as string);
      },
      ['LOGIN by recovery-code', 'REGISTER'],
      [],
    ],
    [
      'a refresh token comes again',
      async () => {
        const { refreshToken } = await graph.register();
        await graph.run(REFRESH, { refreshToken });
        return graph.run(REFRESH, { refreshToken });
      },
      ['REGISTER'],
      ['REFRESH_TOKEN_REUSE'],
    ],
    [
      'a browser logs in anew',
      async () => {
        const { email } = await graph.register();
        const [first, second] = [newCookie(), newCookie()];
        await first.ask(LOGIN, inputOf(email));
        return second.ask(LOGIN, inputOf(email), await first.token());
      },
      ['LOGIN', 'LOGIN', 'REGISTER'],
      ['LOGOUT replaced'],
    ],
    [
      'a browser logs in twice in one request, as two people',
      async () => {
        const [ada, ben] = [await graph.register(), await graph.register()];
        const query = `mutation($a: LoginInput!, $b: LoginInput!) { a: login(input: $a) { __typename } b: login(input: $b) { __typename } }`;
        return newCookie().ask(query, { a: inputOf(ada.email).input, b: inputOf(ben.email).input });
      },
      ['LOGIN', 'LOGIN', 'REGISTER', 'REGISTER'],
      ['LOGOUT replaced'],
    ],
    [
      'an administrator is one no more',
      async () => {
        const { email } = await graph.register();
        const db = createAuthDb(graph.pool);
        for (const role of ['ADMIN', 'USER'] as const) await changeRole(db, ORIGIN, email, role);
        await db.$disconnect();
      },
      ['REGISTER'],
      ['ROLE_CHANGE by command'],
    ],
    [
      'an account is deleted',
      async () => {
        const { accessToken } = await graph.register();
        const query = 'mutation($password: String!) { deleteMyAccount(password: $password) { __typename } }';
        return graph.run(query, { password: PASSWORD }, accessToken);
      },
      ['REGISTER'],
      ['ACCOUNT_ERASURE'],
    ],
  ])('has the begin and the end of each session: %s', async (_what, act, begins, ends) => {
    const known = new Set(
      (await graph.pool.query<{ id: string }>('SELECT id FROM seen_sessions')).rows.map(({ id }) => id),
    );
    await act();
    const found = await rowsSince(known);
    for (const { ended, opened, ends } of found) {
      expect(opened).toHaveLength(1);
      expect(ends).toHaveLength(ended ? 1 : 0);
    }
    type Row = (typeof found)[number]['opened'][number];
    const tell = ({ action, details: { by, secondFactor, reason } }: Row) => {
      if (reason === 'replaced') return `${action} replaced`;
      return by === undefined && secondFactor === undefined ? action : `${action} by ${by ?? secondFactor}`;
    };
    expect(found.flatMap(({ opened }) => opened.map(tell)).sort()).toEqual([...begins].sort());
    expect(found.flatMap((each) => each.ends.map(tell)).sort()).toEqual([...ends].sort());
  });

  it('is known to have them from every place in the source that opens or ends a session', () => {
    const found: Record<string, { opens?: number; ends?: number }> = {};
    for (const file of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
      const text = readFileSync(path.join(SOURCE, file), 'utf8').replace(
        /^(import|export) [\s\S]*?;$/gm,
        (statement) => (/^(import|export) (type )?[{*]/.test(statement) ? '' : statement),
      );
      const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
      const opens = count(/(?<!function )\b(openSession|letIn)\(/g);
      const ends = count(/(?<!function )\bendSessions\(|revokedAt: (now|new Date\(\))/g);
      if (opens + ends > 0) found[file] = { ...(opens > 0 && { opens }), ...(ends > 0 && { ends }) };
    }
    expect(found).toEqual(PLACES);
  });
});
