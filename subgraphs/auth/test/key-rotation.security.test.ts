import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { JWKS_PATH } from '@taskgraph/contracts';
import { cloneDatabase, expectData, expectErrorCode, sumOfMetric, type TestDatabase } from '@taskgraph/testkit';
import jwt from 'jsonwebtoken';
import type { KeysCommand } from '../src/keys.js';
import { startAuthGraph, type AuthGraph } from './auth-graph.js';

const SECRET = 'a secret of at least thirty-two characters';
const ROTATE = 'mutation { rotateSigningKey { keyId } }';
const ME = '{ me { id } }';

async function kidsOf({ url }: AuthGraph): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}${JWKS_PATH}`)).json()) as { keys: Array<{ kid: string }> };
  return keys.map(({ kid }) => kid);
}

const kidOf = (token: string) => jwt.decode(token, { complete: true })?.header.kid;

async function administrator(graph: AuthGraph) {
  const { email } = await graph.register();
  await graph.pool.query(`UPDATE users SET role = 'ADMIN' WHERE email = $1`, [email]);
  return graph.login(email);
}

/** What is on record of changes of keys, in their order. */
async function recordedOf({ pool }: AuthGraph): Promise<object[]> {
  const { rows } = await pool.query(
    `SELECT subject AS kid, actor_id IS NOT NULL AS "isKnown", details->>'change' AS change, details->>'by' AS by
     FROM audit_events WHERE action = 'KEY_ROTATION' ORDER BY position`,
  );
  return rows;
}

/** Waits until a process has read the keys anew, as it does by itself. */
async function untilPublished(graph: AuthGraph, kid: string): Promise<void> {
  while (!(await kidsOf(graph)).includes(kid)) await new Promise((resolve) => setTimeout(resolve, 50));
}

const COMMANDS = new URL('../dist/commands.js', import.meta.url).href;

/** Runs the command in a process of its own, as the operator's program does. */
async function keys(
  database: TestDatabase,
  command: KeysCommand,
): Promise<{ readonly code: number; readonly output: string }> {
  const program = `import { keys } from ${JSON.stringify(COMMANDS)};
    process.exitCode = await keys(${JSON.stringify(command)}, { json: false });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: {
      ...process.env,
      AUTH_DATABASE_URL: database.url,
      AUTH_KEY_ENCRYPTION_SECRET: SECRET,
      CLIENT_INFO_SECRET: SECRET,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}

describe('signing keys', () => {
  it('are published before they sign, and after their last token; nobody is signed out', async () => {
    await using graph = await startAuthGraph({ KEY_PUBLISH_AHEAD_SECONDS: '3600' });
    const admin = await administrator(graph);
    const first = kidOf(admin.accessToken);
    const { keyId } = expectData(await graph.run(ROTATE, {}, admin.accessToken)).rotateSigningKey;
    expect(keyId).not.toBe(first);
    expect(await kidsOf(graph)).toEqual([keyId, first]);
    expect(kidOf((await graph.login((await graph.register()).email)).accessToken)).toBe(first);
    // Asked for twice, it is the same key that comes next.
    expect(expectData(await graph.run(ROTATE, {}, admin.accessToken)).rotateSigningKey).toEqual({ keyId });
    expect(await recordedOf(graph)).toEqual([
      { kid: keyId, isKnown: true, change: 'made', by: 'request' },
      { kid: keyId, isKnown: true, change: 'awaited', by: 'request' },
    ]);
    const text = await (await fetch(`${graph.url}/metrics`)).text();
    expect(sumOfMetric(text, 'taskgraph_auth_key_rotations_total', { reason: 'request' })).toBe(1);

    await graph.pool.query(`UPDATE signing_keys SET signs_from = now() WHERE id = $1`, [keyId]);
    await using later = await startAuthGraph({}, graph.database);
    const ada = await later.register('ada@example.com');
    expect(kidOf(ada.accessToken)).toBe(keyId);
    expect(expectData(await later.run(ME, {}, admin.accessToken)).me.id).toBe(admin.user.id);
    expect(expectData(await graph.run(ME, {}, ada.accessToken)).me.id).toBe(ada.user.id);

    await graph.pool.query(`UPDATE signing_keys SET retires_at = now() WHERE id = $1`, [first]);
    await using last = await startAuthGraph({}, graph.database);
    expect(await kidsOf(last)).toEqual([keyId]);
    expect(expectErrorCode(await last.run(ME, {}, admin.accessToken), 'UNAUTHENTICATED').extensions?.reason).toBe(
      'TOKEN_INVALID',
    );
    expect((await graph.pool.query('SELECT count(*)::int AS count FROM signing_keys')).rows[0].count).toBe(1);
  });

  it('are changed by administrators alone, who are so at this moment', async () => {
    await using graph = await startAuthGraph();
    const before = await kidsOf(graph);
    expectErrorCode(await graph.run(ROTATE), 'UNAUTHENTICATED');
    expectErrorCode(await graph.run(ROTATE, {}, (await graph.register()).accessToken), 'FORBIDDEN');
    const admin = await administrator(graph);
    await graph.pool.query(`UPDATE users SET role = 'USER'`);
    expectErrorCode(await graph.run(ROTATE, {}, admin.accessToken), 'FORBIDDEN');
    expect(await kidsOf(graph)).toEqual(before);
    expect(await recordedOf(graph)).toEqual([]);
  });

  it('get a successor when they are old enough: one, whatever number of processes notices', async () => {
    await using database = await cloneDatabase('auth');
    await (await startAuthGraph({}, database))[Symbol.asyncDispose]();
    for (let round = 1; round <= 5; round += 1) {
      const some = await startAuthGraph({ KEY_ROTATION_DAYS: '0' }, database);
      await some.pool.query(
        `UPDATE signing_keys SET created_at = now() - interval '31 days', signs_from = least(signs_from, now())`,
      );
      const [old] = await kidsOf(some);
      await some[Symbol.asyncDispose]();
      const graphs = await Promise.all(Array.from({ length: 3 }, () => startAuthGraph({}, database)));
      const published = await Promise.all(graphs.map((graph) => kidsOf(graph)));
      const { rows } = await (graphs[0] as AuthGraph).pool.query('SELECT id FROM signing_keys');
      expect(rows).toHaveLength(round + 1);
      expect(new Set(published[0]).size).toBe(round + 1);
      expect(published[0]).toContain(old);
      const recorded = await recordedOf(graphs[0] as AuthGraph);
      expect(recorded).toHaveLength(round);
      expect(recorded.at(-1)).toMatchObject({ isKnown: false, change: 'made', by: 'age' });
      await Promise.all(graphs.map((graph) => graph[Symbol.asyncDispose]()));
    }
  });

  it('of another process are known when their first token comes', async () => {
    await using one = await startAuthGraph({ KEY_PUBLISH_AHEAD_SECONDS: '0' });
    await using other = await startAuthGraph({}, one.database);
    const { rotateSigningKey } = expectData(await one.run(ROTATE, {}, (await administrator(one)).accessToken));
    const ada = await one.register();
    expect(kidOf(ada.accessToken)).toBe(rotateSigningKey.keyId);
    await untilPublished(other, rotateSigningKey.keyId);
    expect(expectData(await other.run(ME, {}, ada.accessToken)).me.id).toBe(ada.user.id);
  });

  it('are listed, made and removed by command; a key that was stolen is good for nothing from then on', async () => {
    await using graph = await startAuthGraph();
    const ada = await graph.register();
    const stolen = kidOf(ada.accessToken) as string;
    expect(await keys(graph.database, { kind: 'list' })).toEqual({
      code: 0,
      output: expect.stringMatching(new RegExp(`^${stolen}.* signs\n$`)),
    });
    const rotated = await keys(graph.database, { kind: 'rotate' });
    expect([rotated.code, rotated.output.split('\n').length]).toEqual([0, 4]);
    expect((await keys(graph.database, { kind: 'rotate' })).output).toContain('was waiting to sign already');
    expect((await keys(graph.database, { kind: 'remove', kid: stolen })).code).toBe(0);
    expect((await keys(graph.database, { kind: 'remove', kid: stolen })).code).toBe(1);
    const made = { kid: expect.not.stringMatching(stolen), isKnown: false, change: 'made', by: 'command' };
    expect(await recordedOf(graph)).toEqual([
      made,
      { ...made, change: 'awaited' },
      { ...made, kid: stolen, change: 'removed' },
    ]);
    await using later = await startAuthGraph({}, graph.database);
    expectErrorCode(await later.run(ME, {}, ada.accessToken), 'UNAUTHENTICATED');
    const next = await later.login(ada.email);
    expect(kidOf(next.accessToken)).not.toBe(stolen);
    expectData(await later.run(ME, {}, next.accessToken));
  });

  it('are stored under the next secret when that is changed', async () => {
    await using database = await cloneDatabase('auth');
    const next = { AUTH_KEY_ENCRYPTION_SECRET: 'the next secret of thirty-two characters' };
    let token: string;
    {
      await using before = await startAuthGraph({}, database);
      token = (await before.register()).accessToken;
    }
    await expect(startAuthGraph(next, database)).rejects.toThrow('AUTH_KEY_ENCRYPTION_SECRET');
    {
      await using between = await startAuthGraph({ ...next, AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS: SECRET }, database);
      expectData(await between.run(ME, {}, token));
    }
    await using after = await startAuthGraph(next, database);
    expectData(await after.run(ME, {}, token));
    await expect(startAuthGraph({}, database)).rejects.toThrow('AUTH_KEY_ENCRYPTION_SECRET');
  });
});
