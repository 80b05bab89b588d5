import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createEngine, type EngineOptions, type FetchHook, type Log } from '../src/index.js';
import { SILENT } from '../src/request/log.js';
import { library } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const QUERY = '{ books { title author { name } } }';
const SDL = 'type Query { a: Int }';

/** What is told in the log, its facts and its text. */
function createLog(lines: Array<[object | string, string | undefined]>): Log {
  const line = (facts: object | string, text?: string) => void lines.push([facts, text]);
  return { ...SILENT, warn: line, error: line };
}

async function start(onFetch: unknown, options: Partial<EngineOptions> = {}) {
  const lines: Array<[object | string, string | undefined]> = [];
  return {
    lines,
    engine: await startEngine(library(), { onFetch: onFetch as FetchHook, log: createLog(lines), ...options }),
  };
}

describe('an onFetch that is asynchronous', () => {
  it('is refused at once where that can be seen', async () => {
    const hook = async () => undefined;
    // @ts-expect-error the types say it as well
    const typed: FetchHook = hook;
    await expect(createEngine({ supergraph: SDL, onFetch: typed })).rejects.toThrow(
      '`onFetch` is not waited for, so it cannot be `async`',
    );
  });

  it.each<[string, () => unknown]>([
    ['a promise', () => Promise.resolve()],
    ['one that is rejected', () => Promise.reject(new Error('no key'))],
  ])('fails its fetch with an error when it returns %s, and rejects nothing unheard', async (_what, returned) => {
    const { lines, engine: started } = await start(({ subgraph }: { subgraph: string }) =>
      subgraph === 'authors' ? returned() : undefined,
    );
    await using engine = started;
    const { data, errors } = (await engine.run(QUERY)).body;
    expect(data).toMatchObject({ books: [{ title: 'Emma', author: null }, {}, {}] });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'UNAVAILABLE', subgraph: 'authors' });
    expect(lines).toEqual([[{ subgraph: 'authors', err: expect.any(TypeError) }, 'onFetch has failed']]);
    // An unhandled rejection would fail the test by now.
    await new Promise(setImmediate);
  });
});

it('is sent in the place of one that a hook has removed, in whatever case it is written', async () => {
  await using engine = await startEngine(library(), {
    onFetch({ headers }) {
      delete headers['authorization'];
      headers['Authorization'] = 'Basic eDp5';
    },
  });
  expect((await engine.run(QUERY, { token: 'of-the-client' })).body.errors).toBeUndefined();
  for (const { requests } of Object.values(engine.subgraphs))
    expect(requests.map(({ headers }) => headers['authorization'])).toEqual(['Basic eDp5']);
});

const BAD_VALUES: ReadonlyArray<[unknown, string]> = [
  ['a\nb', 'characters that no header may have'],
  ['\u0000', 'characters that no header may have'],
  ['snow \u2603', 'characters that no header may have'],
  ['x'.repeat(16_385), 'more than 16384 characters'],
  [undefined, 'no text but undefined'],
  [null, 'no text but null'],
  [5, 'no text but of type number'],
  [true, 'no text but of type boolean'],
  [['a', 'b'], 'no text but a list'],
  [{ a: 1 }, 'no text but of type object'],
];
const BAD_NAMES: ReadonlyArray<[string, string]> = [
  ...['content-length', 'Transfer-Encoding', 'HOST', 'connection', 'keep-alive', 'upgrade', 'te', 'expect'].map(
    (name): [string, string] => [name, 'belongs to the message itself'],
  ),
  ...['', 'a b', 'a:b', 'a\n', 'ü', ':path'].map((name): [string, string] => [
    name,
    'is no name that a header can have',
  ]),
];
const BAD_FIELDS = [
  ...BAD_VALUES.map(([value, fault]): [string, unknown, string] => ['x-key', value, fault]),
  ...BAD_NAMES.map(([name, fault]): [string, unknown, string] => [name, '1', fault]),
];

describe('a header that cannot be sent', () => {
  it('fails the fetch of a function that gives it, with an error that names subgraph and header', async () => {
    let field: [string, unknown] = ['x-key', '1'];
    const { lines, engine: started } = await start(
      ({ subgraph, headers }: { subgraph: string; headers: Record<string, unknown> }) => {
        if (subgraph === 'authors') headers[field[0]] = field[1];
      },
    );
    await using engine = started;
    expect((await engine.run(QUERY)).body.errors).toBeUndefined();
    for (const [name, value, fault] of BAD_FIELDS) {
      field = [name, value];
      const { data, errors } = (await engine.run(QUERY)).body;
      expect(data).toMatchObject({ books: [{ title: 'Emma', author: null }, {}, {}] });
      expect(errors?.[0]?.message).toContain(`The header ${name.toLowerCase()} for the authors service`);
      expect(errors?.[0]?.message).toContain(fault);
      expect(errors?.[0]?.extensions).toEqual({
        code: 'UNAVAILABLE',
        reason: 'BAD_HEADER',
        subgraph: 'authors',
        header: name.toLowerCase(),
      });
      expect(lines.splice(0)).toEqual([[{ subgraph: 'authors', err: expect.any(Error) }, 'onFetch has failed']]);
    }
  });

  it('fails the fetch where a client has sent it and a table lets it through', async () => {
    const { engine: started } = await start({ subgraphs: { authors: { propagate: ['x-tenant'] } } });
    await using engine = started;
    const { errors } = (await engine.run(QUERY, { headers: { 'x-tenant': 'a\r\nb: c' } })).body;
    expect(errors?.[0]?.extensions).toMatchObject({ reason: 'BAD_HEADER', subgraph: 'authors', header: 'x-tenant' });
  });

  it.each(BAD_FIELDS)('is refused in a table: %j %j', async (name, value, fault) => {
    for (const onFetch of [
      { all: { set: { [name]: value } } },
      { subgraphs: { authors: { set: { [name]: value } } } },
    ]) {
      const created = createEngine({ supergraph: SDL, onFetch } as never);
      await expect(created).rejects.toThrow(TypeError);
      await expect(created).rejects.toThrow(name.toLowerCase());
      await expect(created).rejects.toThrow(fault);
    }
  });

  it.each(BAD_NAMES)('is refused where a table propagates or removes it: %j', async (name, fault) => {
    for (const rules of [{ propagate: [name] }, { propagate: [{ name: 'x', as: name }] }, { remove: [name] }])
      await expect(createEngine({ supergraph: SDL, onFetch: { all: rules } })).rejects.toThrow(fault);
  });
});

describe('a table of headers', () => {
  it.each<[string, unknown]>([
    ['`propogate`', { all: { propogate: ['x'] } }],
    ['`propogate`', { subgraphs: { a: { propogate: ['x'] } } }],
    ['`everybody`', { everybody: { propagate: ['x'] } }],
    ['`onFetch.all`: `propagate` is a list', { all: { propagate: 'authorization' } }],
    ['`onFetch.subgraphs.a`: `remove` is a list', { subgraphs: { a: { remove: 'authorization' } } }],
    ['`onFetch.all`: `set` is an object', { all: { set: 'x: y' } }],
    ['`onFetch.all`: `set` is an object', { all: { set: ['x', 'y'] } }],
    ['`onFetch.all` is an object', { all: ['x'] }],
    ['`onFetch.all` is an object', { all: null }],
    ['`onFetch.subgraphs` is an object', { subgraphs: 'a' }],
    ['`onFetch.subgraphs.a` is an object', { subgraphs: { a: undefined } }],
    ['`onFetch.all`: `propagate`', { all: { propagate: [5] } }],
    ['`onFetch.all`: `propagate`', { all: { propagate: [null] } }],
    ['`onFetch.all`: `propagate`', { all: { propagate: [{ name: 'x' }] } }],
    ['`onFetch.all`: `propagate`', { all: { propagate: [{ as: 'x' }] } }],
    ['`to`', { all: { propagate: [{ name: 'x', as: 'y', to: 'z' }] } }],
  ])('that cannot be meant is refused, and named: %s', async (named, onFetch) => {
    const created = createEngine({ supergraph: SDL, onFetch } as never);
    await expect(created).rejects.toThrow(TypeError);
    await expect(created).rejects.toThrow(named);
  });

  it('that has rules for a subgraph that is not there is told of', async () => {
    const { lines, engine: started } = await start({ subgraphs: { author: { remove: ['x'] }, books: {} } });
    await using engine = started;
    expect(lines).toEqual([
      [{ subgraphs: ['author'] }, 'onFetch has rules for subgraphs that the supergraph does not have'],
    ]);
    expect((await engine.run(QUERY)).body.errors).toBeUndefined();
  });
});

describe('an answer that says by what header of its client it varies', () => {
  const cacheHint = async (onFetch: EngineOptions['onFetch'], vary: string) => {
    const subgraphs = library().map((subgraph) => ({
      ...subgraph,
      intercept: (_request: IncomingMessage, response: ServerResponse) => {
        response.setHeader('cache-control', 'max-age=60, public');
        response.setHeader('vary', vary);
        return false;
      },
    }));
    await using engine = await startEngine(subgraphs, { ...(onFetch && { onFetch }) });
    return (await engine.engine.execute({ query: '{ books { title } }' })).cacheHint;
  };
  const onFetch = { all: { propagate: ['x-tenant'] } };

  it.each(['X-Tenant', 'accept-encoding, x-tenant'])('is private where headers of clients go on: %s', async (vary) => {
    expect(await cacheHint(onFetch, vary)).toEqual({ maxAge: 60, scope: 'PRIVATE' });
    expect(await cacheHint(undefined, vary)).toEqual({ maxAge: 60, scope: 'PUBLIC' });
  });

  it.each(['Accept-Encoding', 'Origin, Accept'])(
    'is for everybody where all clients are asked for alike: %s',
    async (vary) => {
      expect(await cacheHint(onFetch, vary)).toEqual({ maxAge: 60, scope: 'PUBLIC' });
    },
  );
});
