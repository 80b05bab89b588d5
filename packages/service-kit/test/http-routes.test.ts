import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  AppError,
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  otherwise,
  raw,
  sendBody,
  type ServiceProcess,
} from '@taskgraph/service-kit';
import { request } from 'undici';

const NOTHING = [404, { errors: [{ message: 'There is nothing at this path.', extensions: { code: 'NOT_FOUND' } }] }];

describe('a route', () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().trim().split('\n'));
      done();
    },
  });
  let service: ServiceProcess;
  let url = '';
  beforeAll(async () => {
    service = await createHttpService({
      name: 'shop',
      config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
      log: createLog({ service: 'shop', level: 'error', destination }),
      metrics: createMetrics('shop'),
      health: createHealth(),
      routes(app) {
        app.get(
          '/orders/:id',
          raw((_request, response, { params, query }) =>
            sendBody(response, 200, { 'content-type': 'application/json' }, JSON.stringify([params, query])),
          ),
        );
        app.get(
          '/orders/:id/lines/:line',
          raw((_request, response, { params, query }) =>
            sendBody(response, 200, { 'content-type': 'application/json' }, JSON.stringify([params, query])),
          ),
        );
        otherwise(
          app,
          '/orders/:id',
          ['GET', 'HEAD'],
          raw((_request, response) => sendBody(response, 405, {}, 'GET alone')),
        );
        app.post(
          '/faults/at-once',
          raw(() => {
            throw new AppError('CONFLICT', 'No.');
          }),
        );
        app.post(
          '/faults/later',
          raw(() => Promise.reject(new Error('secret detail'))),
        );
        app.post('/faults/of-a-reply', () => Promise.reject(new AppError('CONFLICT', 'No.')));
      },
    });
    ({ url } = await service.listen());
  });
  afterAll(() => service.close());

  async function ask(method: string, path: string, more: { body?: string; headers?: Record<string, string> } = {}) {
    const { statusCode, headers, body } = await request(url + path, { method: method as 'GET', ...more });
    const text = await body.text();
    return { status: statusCode, headers, text, json: () => JSON.parse(text) as unknown };
  }

  it.each([
    ['/orders/7?a=1&a=2&b=', [{ id: '7' }, { a: ['1', '2'], b: '' }]],
    ['/orders/7/', [{ id: '7' }, {}]],
    ['/orders/7?a=//', [{ id: '7' }, { a: '//' }]],
    ['/orders/7/lines/1/', [{ id: '7', line: '1' }, {}]],
    ['/orders/%c3%a9%2F?%61=%62', [{ id: 'é/' }, { a: 'b' }]],
    [`/orders/${'x'.repeat(2_000)}`, [{ id: 'x'.repeat(2_000) }, {}]],
  ])('is told what %s names', async (path, told) => {
    const answer = await ask('GET', path);
    expect([answer.status, answer.json()]).toEqual([200, told]);
  });

  it.each([
    '/Orders/7',
    '/%6frders/7',
    '/orders',
    '/orders/7/8',
    '//orders/7',
    '/orders/%ff',
    '/%',
    '/health%2flive',
    '/%68ealth/live',
  ])('is at no other path that might mean the same: %s', async (path) => {
    for (const method of ['GET', 'POST', 'DELETE', 'PROPFIND', 'OPTIONS']) {
      const answer = await ask(method, path);
      expect([answer.status, answer.json()]).toEqual(NOTHING);
      expect(answer.headers['x-request-id']).toBeDefined();
    }
  });

  it.each(['/orders/', '/orders//', '/orders//?a=//', '/orders//lines/', '/orders/7/lines//', '/orders//lines/1'])(
    'has something in each place that it leaves open: %s is none',
    async (path) => {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const answer = await ask(method, path);
        expect([answer.status, answer.json()]).toEqual(NOTHING);
      }
    },
  );

  it('is asked by HEAD what it is by GET, and by others what it says of them', async () => {
    const [get, head] = [await ask('GET', '/orders/7'), await ask('HEAD', '/orders/7')];
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', get.headers['content-length']]);
    for (const method of ['POST', 'PUT', 'DELETE', 'TRACE', 'PROPFIND', 'OPTIONS'])
      expect((await ask(method, '/orders/7')).text).toBe('GET alone');
  });

  it('is named to OPTIONS with its methods, where it says nothing itself', async () => {
    const asked = [await ask('OPTIONS', '/health/live'), await ask('OPTIONS', '/faults/later')];
    expect(asked.map(({ status, headers }) => [status, headers['allow']])).toEqual([
      [204, 'GET, HEAD, OPTIONS'],
      [204, 'POST, OPTIONS'],
    ]);
    const other = await ask('POST', '/health/live');
    expect([other.status, other.json()]).toEqual(NOTHING);
  });

  // The first that throws: of equal lines in a row the log keeps one.
  it('that throws is found in the log by the id of its answer', async () => {
    const { status, headers } = await ask('POST', '/faults/later');
    expect(status).toBe(500);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ msg: 'defect', requestId: headers['x-request-id'] }),
    );
  });

  it.each([
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'a/b/c; ;' },
    { 'content-type': 'text/plain' },
  ])('that throws is answered as any other, whatever the body is said to be: %j', async (headers) => {
    const sent = { body: '{"no JSON', headers };
    for (const path of ['/faults/at-once', '/faults/of-a-reply']) {
      const answer = await ask('POST', path, sent);
      expect([answer.status, answer.json()]).toEqual([
        409,
        { errors: [{ message: 'No.', extensions: { code: 'CONFLICT' } }] },
      ]);
    }
    const defect = await ask('POST', '/faults/later', sent);
    expect(defect.status).toBe(500);
    expect(defect.text).not.toContain('secret detail');
  });
});
