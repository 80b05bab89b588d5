import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { smallPng } from '@taskgraph/testkit';
import { operation } from '../operations.js';
import { PASSWORD, startStory, until, type Person, type Story } from '../story.js';
import { breakOffUpload } from './broken-upload.js';
import { readDescribedApi, type Answered, type DescribedApi } from './described.js';
import { fuzz, withSchemathesis } from './schemathesis.js';

const NOBODY = '018f0000-0000-7000-8000-000000000000';
const APP = 'https://app.example.com';

describe('a person works by the REST façade', () => {
  let story: Story;
  let api: DescribedApi;
  let ada: Person;
  let eve: Person;
  let token: string;
  let taskId: string;
  let mediaId: string;
  let folder: string;

  beforeAll(async () => {
    // All that clients may send themselves; the façade's operations are not among it.
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-rest-'));
    const body = operation('Register');
    const id = createHash('sha256').update(body).digest('hex');
    const manifest = {
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id, name: 'Register', type: 'mutation', body }],
    };
    const safelist = path.join(folder, 'manifest.json');
    await writeFile(safelist, JSON.stringify(manifest));
    story = await startStory({
      settings: {
        SESSION_COOKIES: 'localhost',
        CORS_ORIGINS: APP,
        MAX_BODY_BYTES: '65536',
        SAFELIST_FILE: safelist,
        USAGE_DIR: path.join(folder, 'usage'),
        USAGE_FLUSH_MS: '50',
      },
    });
    api = await readDescribedApi(new URL(story.gatewayUrl).origin);
    ada = await story.newPerson('Ada');
    eve = await story.newPerson('Eve');
    token = ada.accessToken;
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const expectProblem = ({ status, body, headers }: Answered, expected: { status: number; code: string }) => {
    expect({ status, code: body?.code }).toEqual(expected);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({
      type: `urn:taskgraph:problem:${expected.code.toLowerCase().replaceAll('_', '-')}`,
      status,
      title: expect.any(String),
      detail: expect.any(String),
      requestId: headers.get('x-request-id'),
    });
  };

  it('creates a task and reads it', async () => {
    const made = await api.call('POST /api/tasks', {
      token,
      json: { title: 'Write', priority: 'HIGH', labels: ['a'] },
    });
    expect(made.status).toBe(201);
    taskId = made.body.id;
    expect(made.headers.get('location')).toBe(`/api/tasks/${taskId}`);
    expect(made.headers.get('etag')).toBe('"1"');
    const read = await api.call(`GET /api/tasks/${taskId}`, { token });
    expect(read.status).toBe(200);
    expect(read.body).toEqual(made.body);
    expect(read.body).toMatchObject({
      title: 'Write',
      status: 'TODO',
      version: 1,
      owner: { id: ada.id },
      assignee: null,
    });
    expect((await ada.run('Me')).body.errors?.[0]?.extensions?.['code']).toBe('OPERATION_REJECTED');
  });

  it('is refused where the graph refuses: nobody, somebody else, a bad token', async () => {
    const nobody = await api.call(`GET /api/tasks/${taskId}`);
    expectProblem(nobody, { status: 401, code: 'UNAUTHENTICATED' });
    expect(nobody.headers.get('www-authenticate')).toMatch(/^Bearer /);
    const bad = await api.call(`GET /api/tasks/${taskId}`, { token: 'garbage' });
    expectProblem(bad, { status: 401, code: 'UNAUTHENTICATED' });
    const { accessToken: other } = eve;
    expectProblem(await api.call(`GET /api/tasks/${taskId}`, { token: other }), { status: 404, code: 'NOT_FOUND' });
    expectProblem(await api.call('GET /api/tasks/garbage', { token }), { status: 404, code: 'NOT_FOUND' });
    expectProblem(await api.call(`GET /api/tasks/${NOBODY}`, { token }), { status: 404, code: 'NOT_FOUND' });
  });

  it('changes it on the version that it has seen, and only on that', async () => {
    const at = `/api/tasks/${taskId}`;
    const change = (ifMatch: string | null, json: unknown = { title: 'Write more' }) =>
      api.call(`PATCH ${at}`, { token, json, headers: ifMatch === null ? {} : { 'if-match': ifMatch } });
    expectProblem(await change(null), { status: 428, code: 'BAD_REQUEST' });
    const changed = await change('"1"');
    expect(changed.body).toMatchObject({ title: 'Write more', version: 2, priority: 'HIGH' });
    expect(changed.headers.get('etag')).toBe('"2"');
    const stale = await change('"1"', { title: 'Too late' });
    expectProblem(stale, { status: 412, code: 'STALE_VERSION' });
    expect(stale.body.current).toEqual({ id: taskId, version: 2 });
    expectProblem(await change('W/"2"', { title: 'Weak' }), { status: 412, code: 'STALE_VERSION' });
    expectProblem(await change('2', { title: 'No tag' }), { status: 400, code: 'BAD_REQUEST' });
    expect((await change('"1", "2"', { description: 'Of several' })).body.version).toBe(3);
    expect((await change('*', { description: null })).body).toMatchObject({ version: 4, description: null });
  });

  it('is told that nothing has changed', async () => {
    const at = `GET /api/tasks/${taskId}`;
    for (const tag of ['"4"', 'W/"4"', '*', '"1", "4"']) {
      const same = await api.call(at, { token, headers: { 'if-none-match': tag } });
      expect({ tag, status: same.status, bytes: same.bytes.length }).toEqual({ tag, status: 304, bytes: 0 });
    }
    expect((await api.call(at, { token, headers: { 'if-none-match': '"1"' } })).status).toBe(200);
    expect((await api.call(at, { token, headers: { 'if-match': '"1"' } })).status).toBe(412);
    const head = await api.call(`HEAD /api/tasks/${taskId}`, { token });
    expect([head.status, head.headers.get('etag'), head.bytes.length]).toEqual([200, '"4"', 0]);
  });

  it('reads lists page by page, by the links alone', async () => {
    for (const title of ['B', 'C']) await api.call('POST /api/tasks', { token, json: { title, status: 'DONE' } });
    const titles: string[] = [];
    let url: string | undefined = '/api/tasks?sort=title&first=2';
    while (url !== undefined) {
      const page: Answered = await api.call(`GET ${url}`, { token });
      expect(page.body.totalCount).toBe(3);
      titles.push(...page.body.items.map(({ title }: { title: string }) => title));
      url = /^<([^>]+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1];
    }
    expect(titles).toEqual(['B', 'C', 'Write more']);
    const some = await api.call('GET /api/tasks?status=DONE&status=CANCELLED&sort=-title&assignee=none', { token });
    expect(some.body.items.map(({ title }: { title: string }) => title)).toEqual(['C', 'B']);
  });

  it('is told what is wrong with a request, place by place', async () => {
    const wrong = await api.call('POST /api/tasks', { token, json: { status: 'LATER', more: 1 } });
    expectProblem(wrong, { status: 400, code: 'BAD_USER_INPUT' });
    expect(wrong.body.errors.map(({ at }: { at: string }) => at).sort()).toEqual(['/more', '/status', '/title']);
    const query = await api.call('GET /api/tasks?first=x&first=1&colour=red&status=LATER', { token });
    expectProblem(query, { status: 400, code: 'BAD_USER_INPUT' });
    const headers = { 'content-type': 'application/json' };
    expectProblem(await api.call('POST /api/tasks', { token, body: '{', headers }), {
      status: 400,
      code: 'BAD_REQUEST',
    });
    expectProblem(await api.call('POST /api/tasks', { token, body: 'a=b' }), { status: 415, code: 'BAD_REQUEST' });
    const large = await api.call('POST /api/tasks', { token, json: { title: 'x'.repeat(70_000) } });
    expectProblem(large, { status: 413, code: 'BAD_REQUEST' });
    const html = await api.call('GET /api/tasks', { token, headers: { accept: 'text/html' } });
    expectProblem(html, { status: 406, code: 'BAD_REQUEST' });
    const put = await api.call('PUT /api/tasks', { token, json: {} });
    expectProblem(put, { status: 405, code: 'BAD_REQUEST' });
    expect(put.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
    expect((await api.call(`OPTIONS /api/tasks/${taskId}`)).headers.get('allow')).toBe(
      'GET, HEAD, PATCH, DELETE, OPTIONS',
    );
    expectProblem(await api.call('GET /api/nothing'), { status: 404, code: 'NOT_FOUND' });
    expectProblem(await api.call('GET /api/tasks/%ff', { token }), { status: 400, code: 'BAD_REQUEST' });
  });

  it('uploads a picture, hangs it on the task and has its bytes', async () => {
    const picture = await smallPng('teal');
    const form = new FormData();
    form.append('altText', 'Teal');
    form.append('file', new Blob([new Uint8Array(picture)]), 'teal.png');
    const made = await api.call('POST /api/media/upload', { token, body: form });
    expect(made.body).toMatchObject({ filename: 'teal.png', mimeType: 'image/png', altText: 'Teal', status: 'READY' });
    mediaId = made.body.id;
    expect(made.headers.get('location')).toBe(`/api/media/${mediaId}`);
    const attached = await api.call(`POST /api/tasks/${taskId}/attach-media`, { token, json: { mediaIds: [mediaId] } });
    expect(attached.body.media).toMatchObject({ totalCount: 1, items: [{ id: mediaId, attachedBy: { id: ada.id } }] });
    expect((await api.call(`GET /api/tasks/${taskId}/with-media`, { token })).body).toEqual(attached.body);
    expect((await api.call(`GET /api/media/${mediaId}`, { token })).body).toMatchObject({ uploadedBy: { id: ada.id } });

    const at = `GET /api/media/${mediaId}/download`;
    const whole = await api.call(at, { token });
    expect(whole.bytes.equals(picture)).toBe(true);
    expect(whole.headers.get('content-disposition')).toMatch(/filename="teal.png"/);
    const etag = whole.headers.get('etag') ?? '';
    expect((await api.call(at, { token, headers: { 'if-none-match': etag } })).status).toBe(304);
    const part = await api.call(at, { token, headers: { range: 'bytes=1-3' } });
    expect([part.status, part.bytes.toString(), part.headers.get('content-range')]).toEqual([
      206,
      'PNG',
      `bytes 1-3/${picture.length}`,
    ]);
    const beyond = await api.call(at, { token, headers: { range: 'bytes=999999999-' } });
    expectProblem(beyond, { status: 416, code: 'BAD_REQUEST' });
    const { accessToken: other } = eve;
    expectProblem(await api.call(at, { token: other }), { status: 404, code: 'NOT_FOUND' });
    const small = await api.call(`GET /api/media/${mediaId}/thumbnail?size=small`, { token });
    expect([small.status, small.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expectProblem(await api.call(`GET /api/media/${mediaId}/thumbnail?size=huge`, { token }), {
      status: 400,
      code: 'BAD_USER_INPUT',
    });
  });

  it('is refused files that are none', async () => {
    const send = (name: string, text: string, more: Record<string, string> = {}) => {
      const form = new FormData();
      form.append(name, new Blob([text]), 'a.png');
      for (const [field, value] of Object.entries(more)) form.append(field, value);
      return api.call('POST /api/media/upload', { token, body: form });
    };
    expectProblem(await send('file', 'no picture'), { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    expectProblem(await send('picture', 'x'), { status: 400, code: 'BAD_REQUEST' });
    const behind = await send('file', 'x', { altText: 'Comes too late' });
    expect([behind.status, behind.body.code]).not.toEqual([201, undefined]);
    expect(behind.status).toBeLessThan(500);
    const missing = await api.call(`POST /api/tasks/${taskId}/attach-media`, { token, json: { mediaIds: [NOBODY] } });
    expectProblem(missing, { status: 422, code: 'MEDIA_NOT_FOUND' });
  });

  it('opens, checks and renews sessions', async () => {
    const account = { email: 'rest@example.com', password: PASSWORD, displayName: 'Rest' };
    const weak = await api.call('POST /api/auth/register', { json: { ...account, password: 'password12' } });
    expectProblem(weak, { status: 422, code: 'WEAK_PASSWORD' });
    const made = await api.call('POST /api/auth/register', { json: account });
    expect(made.status).toBe(201);
    expectProblem(await api.call('POST /api/auth/register', { json: account }), { status: 409, code: 'EMAIL_TAKEN' });
    const { email, password } = account;
    const session = await api.call('POST /api/auth/login', { json: { email, password } });
    expect(session.body).toMatchObject({ user: { displayName: 'Rest' }, expiresIn: expect.any(Number) });
    expect((await api.call('GET /api/auth/profile', { token: session.body.accessToken })).body.email).toBe(email);
    const wrong = await api.call('POST /api/auth/login', { json: { email, password: 'not the password' } });
    expectProblem(wrong, { status: 401, code: 'INVALID_CREDENTIALS' });
    const verified = await api.call('POST /api/auth/verify', { json: { token: session.body.accessToken } });
    expect(verified.body).toMatchObject({ valid: true, user: { displayName: 'Rest' } });
    expect((await api.call('POST /api/auth/verify', { json: { token: 'x' } })).body).toEqual({
      valid: false,
      expiresAt: null,
      user: null,
    });
    const { refreshToken } = session.body;
    const renewed = await api.call('POST /api/auth/refresh', { json: { refreshToken } });
    expect(renewed.body.refreshToken).not.toBe(refreshToken);
    expectProblem(await api.call('POST /api/auth/refresh', { json: { refreshToken: 'x' } }), {
      status: 401,
      code: 'INVALID_REFRESH_TOKEN',
    });
    const code = await api.call('POST /api/auth/complete-login', { json: { challenge: 'x', code: '000000' } });
    expectProblem(code, { status: 401, code: 'INVALID_CODE' });
  });

  it('is told how long an account is paused after too many wrong passwords', async () => {
    const { email } = eve;
    const logIn = () => api.call('POST /api/auth/login', { json: { email, password: 'not the password' } });
    let answer = await logIn();
    while (answer.status === 401) answer = await logIn();
    expectProblem(answer, { status: 423, code: 'ACCOUNT_LOCKED' });
    expect(Number(answer.headers.get('retry-after'))).toBe(answer.body.retryAfter);
    expect(answer.body.retryAfter).toBeGreaterThan(0);
  });

  it('makes one task of a request that is sent twice with the same key, one after the other and at once', async () => {
    const send = (title: string) =>
      api.call('POST /api/tasks', { token, json: { title }, headers: { 'idempotency-key': '"rest-once"' } });
    const both = await Promise.all([send('Once'), send('Once')]);
    const answers = [...both, await send('Once')];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await story.graph?.countRows('task', 'tasks', "title = 'Once'")).toBe(1);
    const other = await send('Another');
    expectProblem(other, { status: 400, code: 'BAD_USER_INPUT' });
    expect(other.body.reason).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('leaves nothing of an upload that its client has broken off', async () => {
    const { graph } = story;
    if (!graph) throw new Error('this story looks at the files of a system of its own');
    const files = await graph.storedFiles();
    const items = await graph.countRows('media', 'media_items');
    await breakOffUpload(new URL(story.gatewayUrl).origin, token, await smallPng(), async () =>
      (await graph.storedFiles()).some((file) => file.endsWith('.part')),
    );
    await until(
      () => graph.storedFiles(),
      (left) => left.length === files.length,
    );
    expect(await graph.storedFiles()).toEqual(files);
    expect(await graph.countRows('media', 'media_items')).toBe(items);
    expect((await api.call('GET /api/auth/profile', { token })).status).toBe(200);
  });

  it('keeps pages of other sites from using the cookies of their visitors', async () => {
    const { email } = ada;
    const login = await api.call('POST /api/auth/login', {
      json: { email, password: PASSWORD },
      headers: { 'taskgraph-session': 'cookie' },
    });
    expect(login.body).toMatchObject({ accessToken: '', refreshToken: '' });
    const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
    expect((await api.call('GET /api/auth/profile', { headers: { cookie } })).body.id).toBe(ada.id);
    const foreign = { cookie, origin: 'https://evil.example.com', 'sec-fetch-site': 'cross-site' };
    const read = await api.call('GET /api/auth/profile', { headers: foreign });
    expectProblem(read, { status: 401, code: 'UNAUTHENTICATED' });
    expect(read.headers.get('access-control-allow-origin')).toBeNull();
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(await smallPng('plum'))]), 'plum.png');
    for (const headers of [foreign, { cookie }])
      expectProblem(await api.call('POST /api/media/upload', { body: form, headers }), {
        status: 403,
        code: 'FORBIDDEN',
      });
    const plain = { ...foreign, 'content-type': 'text/plain' };
    expectProblem(await api.call('POST /api/tasks', { body: '{"title":"x"}', headers: plain }), {
      status: 415,
      code: 'BAD_REQUEST',
    });
    const asked = await api.call(`OPTIONS /api/tasks/${taskId}`, {
      headers: { origin: APP, 'access-control-request-method': 'PATCH' },
    });
    expect(asked.headers.get('access-control-allow-origin')).toBe(APP);
    expect(asked.headers.get('access-control-allow-methods')).toContain('PATCH');
  });

  withSchemathesis.each([
    ['somebody', ['coverage', 'fuzzing'], true],
    ['nobody', ['fuzzing'], false],
  ] as const)(
    'answers %s as described and with no defect, whatever is asked that the document allows, or not',
    async (_who, phases, isSignedIn) => {
      // Somebody whose things may be changed and deleted: ids that answers tell are asked for, too.
      const { accessToken } = await story.newPerson('Fay');
      const task = await api.call('POST /api/tasks', { token: accessToken, json: { title: 'Asked for often' } });
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(await smallPng('navy'))]), 'navy.png');
      const media = await api.call('POST /api/media/upload', { token: accessToken, body: form });
      const headers: Record<string, string> = isSignedIn ? { authorization: `Bearer ${accessToken}` } : {};
      const ids = { '/api/tasks': task.body.id, '/api/media': media.body.id };
      const { passed, requests, output } = await fuzz(new URL(story.gatewayUrl).origin, {
        headers,
        phases,
        ids,
      });
      if (!passed) throw new Error(output);
      expect(requests).toBeGreaterThan(isSignedIn ? 500 : 40);
    },
    300_000,
  );

  it('deletes the task', async () => {
    const at = `DELETE /api/tasks/${taskId}`;
    expectProblem(await api.call(at, { token, headers: { 'if-match': '"1"' } }), {
      status: 412,
      code: 'STALE_VERSION',
    });
    const gone = await api.call(at, { token, headers: { 'if-match': '*' } });
    expect([gone.status, gone.bytes.length]).toEqual([204, 0]);
    expectProblem(await api.call(`GET /api/tasks/${taskId}`, { token }), { status: 404, code: 'NOT_FOUND' });
  });

  it('is described by a document that Redocly takes, with a success of each route seen', async () => {
    const { createConfig, lintFromString } = await import('@redocly/openapi-core');
    const config = await createConfig({ extends: ['spec'] });
    const found = await lintFromString({ source: JSON.stringify(api.document), config });
    expect(found.map(({ message, location }) => `${message} ${location[0]?.pointer ?? ''}`)).toEqual([]);
    const unseen = Object.entries(api.document.paths).flatMap(([path, item]) =>
      Object.keys(item)
        .filter((method) => method !== 'head' && path !== '/api/auth/complete-login')
        .filter(
          (method) => ![200, 201, 204].some((status) => api.seen.has(`${method.toUpperCase()} ${path} ${status}`)),
        )
        .map((method) => `${method} ${path}`),
    );
    expect(unseen).toEqual([]);
  });

  it('is recorded as a client of the graph', async () => {
    const usage = path.join(folder, 'usage');
    const readWhat = async () => {
      const files = (await readdir(usage)).filter((file) => file.endsWith('.ndjson'));
      const texts = await Promise.all(files.map((file) => readFile(path.join(usage, file), 'utf8')));
      const lines = texts.join('').split('\n').filter(Boolean);
      const records = lines.map((line) => JSON.parse(line) as { client: string; operationName: string });
      return records.map(({ client, operationName }) => `${operationName} of ${client}`);
    };
    let what = await readWhat();
    // Who has opened the accounts has no name.
    while (!['Me of rest', 'DeleteTask of rest', 'Register of unknown'].every((each) => what.includes(each))) {
      await delay(20);
      what = await readWhat();
    }
  });
});
