import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClientInfoSigner, createLog, inTransaction } from '@taskgraph/service-kit';
import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, uuid7 } from '@taskgraph/contracts';
import { expectData, postGraphQL, TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import { createAuthDb, type AuthDb } from '../src/db.js';
import { verifyAudit } from '../src/modules/audit/verify.js';
import { sendExport } from '../src/modules/data-exports/service.js';
import { LOGIN, PASSWORD, startAuthGraph, type AuthGraph } from './auth-graph.js';
import { codeOf, COMPLETE, plainPasswords, registerGuarded } from './second-factor.js';

const sign = createClientInfoSigner(TEST_CLIENT_INFO_SECRET);
const CHANGE_EMAIL = 'mutation($input: ChangeEmailInput!) { changeEmail(input: $input) { __typename } }';

type Rows = ReadonlyArray<Record<string, unknown>>;

describe('an export of what auth has of somebody', () => {
  let graph: AuthGraph;
  let db: AuthDb;
  beforeAll(async () => {
    graph = await startAuthGraph({}, undefined, { passwords: plainPasswords });
    db = createAuthDb(graph.pool);
  });
  afterAll(async () => {
    await db.$disconnect();
    await graph[Symbol.asyncDispose]();
  });

  async function exportOf(userId: string): Promise<{ readonly files: Map<string, Rows>; readonly text: string }> {
    const dataExportId = randomUUID();
    const log = createLog({ service: 'auth', level: 'silent' });
    await inTransaction(db, (tx) => sendExport(log, tx, { dataExportId, userId }));
    const parts = await db.outboxEvent.findMany({ where: { subject: dataExportId }, orderBy: { position: 'asc' } });
    const files = new Map<string, Rows>();
    for (const { data } of parts) {
      const { file, rows } = data as unknown as { file: string; rows: Rows };
      files.set(file, [...(files.get(file) ?? []), ...rows]);
    }
    return { files, text: JSON.stringify([...files]) };
  }
  /** As the gateway tells who asks. */
  async function guess(email: string, ipAddress: string, password = 'wrong horse'): Promise<string> {
    const requestId = uuid7();
    const info = sign({ ipAddress, userAgent: 'a strange browser', clientName: null }, requestId);
    const headers = { [REQUEST_ID_HEADER]: requestId, [CLIENT_INFO_HEADER]: info };
    const answer = await postGraphQL(graph.url, { query: LOGIN, variables: { input: { email, password } }, headers });
    return expectData(answer).login.__typename as string;
  }

  it('has the pause of guesses at the account, with where they came from, which nobody can tell when it is erased', async () => {
    const { user, email, accessToken } = await graph.register();
    const from = '203.0.113.77';
    for (let tries = 0; tries < 5; tries += 1) expect(await guess(email, from)).toBe('InvalidCredentialsProblem');
    expect(await guess(email, from, PASSWORD)).toBe('AccountLockedProblem');
    const audit = (await exportOf(user.id)).files.get('audit-log') ?? [];
    expect(audit.map(({ action, outcome, by }) => [action, outcome, by])).toEqual([
      ['REGISTER', 'SUCCESS', 'YOU'],
      ...Array<string[]>(5).fill(['LOGIN', 'FAILURE', 'UNKNOWN']),
      ['LOCKOUT', 'FAILURE', 'UNKNOWN'],
    ]);
    expect(audit.at(-1)).toMatchObject({ subject: user.id, ipAddress: from, userAgent: 'a strange browser' });
    const kept = async () =>
      JSON.stringify((await graph.pool.query('SELECT to_jsonb(a) AS row FROM audit_events a')).rows);
    expect(await kept()).not.toContain(from);
    const end = 'mutation($password: String!) { deleteMyAccount(password: $password) { __typename } }';
    expectData(await graph.run(end, { password: PASSWORD }, accessToken));
    for (const trace of [from, 'a strange browser', user.id, email]) expect(await kept()).not.toContain(trace);
    expect((await verifyAudit(db)).fault).toBeNull();
  });

  it('has of a pause at an address without an account a row that names nobody', async () => {
    const [from, email] = ['203.0.113.78', 'not.here@example.com'];
    for (let tries = 0; tries < 5; tries += 1) await guess(email, from);
    expect(await guess(email, from)).toBe('AccountLockedProblem');
    const [row] = await db.auditEvent.findMany({
      where: { action: 'LOCKOUT' },
      orderBy: { position: 'desc' },
      take: 1,
    });
    expect(row).toMatchObject({ actorId: null, subject: null, ipAddress: from, sealedOrigin: null });
  });

  it('has what others have done to the account, and not where those were', async () => {
    const { user } = await graph.register();
    const admin = await graph.register();
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [admin.user.id]);
    const { accessToken } = await graph.login(admin.email);
    expectData(await graph.run('query($id: ID!) { user(id: $id) { email } }', { id: user.id }, accessToken));
    const audit = (await exportOf(user.id)).files.get('audit-log') ?? [];
    expect(audit).toMatchObject([
      { action: 'REGISTER', by: 'YOU', ipAddress: '127.0.0.1' },
      { action: 'PRIVILEGED_READ', by: 'ANOTHER', subject: user.id, ipAddress: null, userAgent: null },
    ]);
    expect(JSON.stringify(audit)).not.toContain(admin.user.id);
  });

  it('has the address that the account is to have, as long as the link is good', async () => {
    const { user, accessToken } = await graph.register();
    const input = { email: 'new.home@example.com', password: PASSWORD };
    expect((await exportOf(user.id)).files.get('pending-email-changes')).toBeUndefined();
    expectData(await graph.run(CHANGE_EMAIL, { input }, accessToken));
    await graph.mailbox.next(input.email, /Confirm/);
    expect((await exportOf(user.id)).files.get('pending-email-changes')).toEqual([
      { email: input.email, createdAt: expect.any(String), expiresAt: expect.any(String) },
    ]);
    await graph.pool.query("UPDATE account_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1", [
      user.id,
    ]);
    expect((await exportOf(user.id)).files.get('pending-email-changes')).toBeUndefined();
  });

  it('has that a second factor is on, since when, and how many recovery codes are left; and no secret', async () => {
    const person = await registerGuarded(graph);
    const { files: before, text } = await exportOf(person.user.id);
    const factor = { startedAt: expect.any(String), confirmedAt: expect.any(String) };
    expect(before.get('second-factor')).toEqual([{ ...factor, recoveryCodesLeft: 10 }]);
    const login = expectData(
      await graph.run(
        'mutation($input: LoginInput!) { login(input: $input) { ... on SecondFactorRequired { challenge } } }',
        { input: { email: person.email, password: PASSWORD } },
      ),
    ).login as { challenge: string };
    const input = { challenge: login.challenge, code: person.recoveryCodes[0] };
    expectData(await graph.run(COMPLETE, { input }));
    expect((await exportOf(person.user.id)).files.get('second-factor')).toEqual([{ ...factor, recoveryCodesLeft: 9 }]);
    const { rows } = await graph.pool.query(
      "SELECT encode(encrypted_secret, 'base64') AS sealed FROM second_factors WHERE user_id = $1",
      [person.user.id],
    );
    for (const secret of [person.secret, rows[0].sealed as string, codeOf(person.secret), ...person.recoveryCodes])
      expect(text).not.toContain(secret);
    const { user } = await graph.register();
    expect((await exportOf(user.id)).files.get('second-factor')).toBeUndefined();
  });
});
