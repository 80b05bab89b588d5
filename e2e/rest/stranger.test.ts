import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { smallPng } from '@taskgraph/testkit';
import { startStory, type Story } from '../story.js';
import { readDescribedApi, type Call, type DescribedApi } from './described.js';

const JSON_TYPE = { 'content-type': 'application/json' };

interface Given {
  readonly token: string;
  readonly task: string;
  readonly media: string;
}
type Case = readonly [what: string, route: string, call: Call, status: number, told?: object];

const text = (body: string, headers: Readonly<Record<string, string>> = JSON_TYPE): Call => ({ body, headers });
const sends = (headers: Readonly<Record<string, string>>): Call => ({ headers });
const at = (where: 'query' | 'body', name: string) => ({ errors: [expect.objectContaining({ in: where, at: name })] });

const BAD_KEY = { code: 'BAD_USER_INPUT', reason: 'INVALID_IDEMPOTENCY_KEY' };

/** Requests as no client of ours makes them, in the name of somebody who may see `{task}` and `{media}`. */
const CASES: readonly Case[] = [
  ['no JSON', 'POST /api/tasks', text('{"title":'), 400],
  ['nothing', 'POST /api/tasks', text(''), 400],
  ['a list', 'POST /api/tasks', text('[]'), 400, at('body', '')],
  ['a prototype', 'POST /api/tasks', text('{"title":"p","__proto__":{"a":1}}'), 400, at('body', '/__proto__')],
  ['half of a character', 'POST /api/tasks', text('{"title":"\\ud800"}'), 400, { reason: 'INVALID_TEXT' }],
  ['another charset', 'POST /api/tasks', text('{}', { 'content-type': 'application/json; charset=utf-16' }), 415],
  ['another JSON', 'POST /api/tasks', text('{}', { 'content-type': 'application/vnd.api+json' }), 415],
  ['packed JSON', 'POST /api/tasks', text('{}', { ...JSON_TYPE, 'content-encoding': 'gzip' }), 415],
  [
    'a packed patch',
    'PATCH /api/tasks/{task}',
    text('{}', { ...JSON_TYPE, 'content-encoding': 'br', 'if-match': '*' }),
    415,
  ],
  ['a packed form', 'POST /api/media/upload', { body: new FormData(), ...sends({ 'content-encoding': 'gzip' }) }, 415],
  ['a parameter called as a prototype', 'GET /api/tasks?__proto__=1', {}, 400, at('query', '__proto__')],
  ['a member of a parameter', 'GET /api/tasks?status[]=TODO', {}, 400, at('query', 'status[]')],
  ['a parameter twice', 'GET /api/tasks?first=1&first=2', {}, 400, at('query', 'first')],
  ['text that is no UTF-8', 'GET /api/tasks?search=%ff', {}, 400, at('query', 'search')],
  ['no percent-encoding', 'GET /api/tasks?search=100%', {}, 400, at('query', 'search')],
  ['a NUL', 'GET /api/tasks?search=%00', {}, 400, { reason: 'INVALID_TEXT' }],
  ['a page of less than nothing', 'GET /api/tasks?first=-1', {}, 400, at('query', 'first')],
  ['a page too long', 'GET /api/tasks?first=101', {}, 400, at('query', 'first')],
  ['a page beyond all numbers', 'GET /api/tasks?first=99999999999999999999', {}, 400, at('query', 'first')],
  ['a page of words', 'GET /api/tasks?first=1e2', {}, 400, at('query', 'first')],
  ['a page of nothing', 'GET /api/tasks?first=0', {}, 200, { items: [] }],
  ['a cursor of somebody else', 'GET /api/tasks?after=garbage', {}, 400, { reason: 'INVALID_CURSOR' }],
  ['an encoded slash', 'GET /api/tasks/..%2ftasks', {}, 404],
  ['a NUL in the path', 'GET /api/tasks/%00', {}, 400, { reason: 'INVALID_TEXT' }],
  ['a path of 10,000 characters', `GET /api/tasks/${'x'.repeat(10_000)}`, {}, 404],
  ['a method of others', 'PROPFIND /api/tasks/{task}', {}, 405],
  ['a change of the page', 'PUT /api/docs', {}, 405],
  ['a change of a file of the page', 'DELETE /api/docs/scalar.js', {}, 405],
  ['a way out of the page', 'GET /api/docs/..%2f..%2fpackage.json', {}, 404],
  ['a tag and all of them', 'GET /api/tasks/{task}', sends({ 'if-none-match': '"1", *' }), 400],
  ['a version beyond all', 'PATCH /api/tasks/{task}', { json: {}, ...sends({ 'if-match': '"4000000000"' }) }, 412],
  ['an id in the body', 'PATCH /api/tasks/{task}', { json: { id: 'x' }, ...sends({ 'if-match': '*' }) }, 400],
  [
    'a patch of another kind',
    'PATCH /api/tasks/{task}',
    text('[]', { 'content-type': 'application/json-patch+json' }),
    415,
  ],
  ['an answer in XML', 'GET /api/tasks/{task}', sends({ accept: 'application/xml' }), 406],
  ['no answer in JSON', 'GET /api/tasks/{task}', sends({ accept: 'application/json;q=0' }), 406],
  ['an empty form', 'POST /api/media/upload', { body: new FormData() }, 400],
  ['a form without its boundary', 'POST /api/media/upload', text('x', { 'content-type': 'multipart/form-data' }), 400],
  ['a form that is none', 'POST /api/media/upload', { json: {} }, 415],
  ['bytes from behind to front', 'GET /api/media/{media}/download', sends({ range: 'bytes=9-1' }), 416],
  ['no bytes', 'GET /api/media/{media}/download', sends({ range: 'bytes=-0' }), 416],
  ['a size in capitals', 'GET /api/media/{media}/thumbnail?size=SMALL', {}, 400, at('query', 'size')],
  [
    'a key that is too long',
    'POST /api/tasks',
    { json: { title: 'k' }, ...sends({ 'idempotency-key': 'k'.repeat(300) }) },
    400,
    BAD_KEY,
  ],
  ['an empty key', 'POST /api/tasks', { json: { title: 'k' }, ...sends({ 'idempotency-key': '' }) }, 400, BAD_KEY],
  ['a key of quotes', 'POST /api/tasks', { json: { title: 'k' }, ...sends({ 'idempotency-key': '""' }) }, 400, BAD_KEY],
  ['a key of two', 'POST /api/tasks', { json: { title: 'k' }, ...sends({ 'idempotency-key': 'a, b' }) }, 400, BAD_KEY],
  [
    'a key with a tab',
    'POST /api/tasks',
    { json: { title: 'k' }, ...sends({ 'idempotency-key': 'a\tb' }) },
    400,
    BAD_KEY,
  ],
  [
    'a key of bytes',
    'POST /api/tasks',
    { json: { title: 'k' }, ...sends({ 'idempotency-key': 'k\u00e9y' }) },
    400,
    BAD_KEY,
  ],
  ['a tag for what has none', 'GET /api/tasks', sends({ 'if-match': '"1"' }), 412, { code: 'CONFLICT' }],
  ['a tag of somebody else', 'GET /api/media/{media}', sends({ 'if-match': '"1"' }), 412, { code: 'CONFLICT' }],
  ['any tag for a file', 'GET /api/media/{media}/download', sends({ 'if-match': '*' }), 200],
  ['another tag for a file', 'GET /api/media/{media}/download', sends({ 'if-match': '"x"', range: 'bytes=1-3' }), 412],
  [
    'a time before a file',
    'GET /api/media/{media}/thumbnail',
    sends({ 'if-unmodified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' }),
    412,
    { code: 'CONFLICT' },
  ],
  ['no tag for a file', 'GET /api/media/{media}/download', sends({ 'if-match': 'abc' }), 400],
];

describe('a stranger at the REST façade', () => {
  let story: Story;
  let api: DescribedApi;
  let given: Given;
  beforeAll(async () => {
    story = await startStory();
    api = await readDescribedApi(new URL(story.gatewayUrl).origin);
    const { accessToken: token } = await story.newPerson('Stranger');
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(await smallPng())]), 'a.png');
    const task = await api.call('POST /api/tasks', { token, json: { title: 'Strange' } });
    const media = await api.call('POST /api/media/upload', { token, body: form });
    given = { token, task: task.body.id, media: media.body.id };
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it.each(CASES)('sends %s, and is told so as described', async (_what, route, call, status, told = {}) => {
    const url = route.replace('{task}', given.task).replace('{media}', given.media);
    const answer = await api.call(url, { token: given.token, ...call });
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status, body: told });
    if (status === 405) expect(answer.headers.get('allow')).toContain('OPTIONS');
    if (status === 415) {
      const taken = answer.headers.get(route.startsWith('PATCH') ? 'accept-patch' : 'accept');
      expect(taken).toMatch(route.endsWith('/upload') ? /^multipart\/form-data$/ : /^application\/json/);
    }
    if (status < 400) return;
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'));
  });

  it('is told whether another token would do', async () => {
    const ask = async (headers: Record<string, string>) => {
      const { status, headers: told } = await api.call('GET /api/auth/profile', { headers });
      return `${status} ${told.get('www-authenticate')}`;
    };
    expect(await ask({})).toBe('401 Bearer realm="taskgraph"');
    for (const authorization of ['Bearer x', 'Basic eA==', `Bearer ${given.token}x`])
      expect(await ask({ authorization })).toBe('401 Bearer realm="taskgraph", error="invalid_token"');
  });

  it('gets no answer that a cache could give to somebody else', async () => {
    for (const path of [
      '/auth/profile',
      '/tasks',
      '/tasks/{task}',
      '/tasks/{task}/with-media',
      '/media/{media}/download',
    ]) {
      const url = `/api${path.replace('{task}', given.task).replace('{media}', given.media)}`;
      const { status, headers } = await api.call(`GET ${url}`, { token: given.token });
      expect([url, status]).toEqual([url, 200]);
      expect(headers.get('cache-control')).toMatch(/^no-store$|^private, no-cache$/);
      expect(headers.get('vary')?.toLowerCase().split(/, */)).toEqual(
        expect.arrayContaining(['authorization', 'cookie']),
      );
    }
  });
});
