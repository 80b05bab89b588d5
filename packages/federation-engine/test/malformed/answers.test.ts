import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { SILENT, type Log } from '../../src/request/log.js';
import { library, type FakeSubgraph } from '../fake-subgraphs.js';
import { startEngine } from '../start-engine.js';

const QUERY = '{ books { title author { name } } }';
const TITLES = ['Emma', 'Persuasion', 'Middlemarch'];
const BAD_RESPONSE = { code: 'UNAVAILABLE', reason: 'BAD_RESPONSE', subgraph: 'authors' };

const answering = (text: string, status = 200, contentType = 'application/json') =>
  library({
    intercept: (_request, response: ServerResponse) => {
      response.writeHead(status, { 'content-type': contentType });
      response.end(text);
      return true;
    },
  });

describe('an answer that is none', () => {
  it.each([
    ['data null without an error', '{"data":null}', 200],
    ['an empty list of errors', '{"errors":[]}', 200],
    ['data null and an empty list of errors', '{"data":null,"errors":[]}', 200],
    ['status 500 with data null', '{"data":null}', 500],
    ['status 404 with data null', '{"data":null}', 404],
    ['JSON that ends early', '{"data":{"_entities":[{"name":"x"}', 200],
    ['nothing', '', 200],
    ['a text', '"data"', 200],
    ['a list', '[{"data":{}}]', 200],
    ['null', 'null', 200],
    ['no entities', '{"data":{}}', 200],
    ['entities that are null', '{"data":{"_entities":null}}', 200],
    ['entities that are no list', '{"data":{"_entities":{"0":{"name":"x"}}}}', 200],
    ['too few entities', '{"data":{"_entities":[{"name":"x"}]}}', 200],
    ['too many entities', '{"data":{"_entities":[{"name":"x"},{"name":"y"},{"name":"z"}]}}', 200],
  ])('costs its own fields, each told: %s', async (_what, text, status) => {
    await using engine = await startEngine(answering(text, status));
    const { body } = await engine.run(QUERY);
    expect(body.data.books).toEqual(TITLES.map((title) => ({ title, author: null })));
    // What is null is the author, or all that is asked of it.
    expect(body.errors?.map(({ path }) => path)).toEqual([0, 1, 2].map((index) => ['books', index, 'author']));
    for (const { extensions } of body.errors ?? []) expect(extensions).toEqual(BAD_RESPONSE);
  });

  it.each(['', 'text/plain', 'text/html', 'application/graphql-response+json'])(
    'is not told by its content type: "%s"',
    async (contentType) => {
      const text = '{"data":{"_entities":[{"name":"x"},{"name":"y"}]}}';
      await using engine = await startEngine(answering(text, 200, contentType));
      const { body } = await engine.run(QUERY);
      expect(body.errors).toBeUndefined();
      expect(body.data.books[2]).toEqual({ title: 'Middlemarch', author: { name: 'y' } });
    },
  );

  it('costs the root fields that were asked of it', async () => {
    await using engine = await startEngine(
      library({
        books: { Query: { books: () => [] } },
        intercept: (_request, response) => (response.end('{"data":null}'), true),
      }),
    );
    const { body } = await engine.run('{ books { title } authors { name } }');
    expect(body.data).toBeNull();
    expect(body.errors).toEqual([
      { message: expect.stringContaining('authors') as unknown, path: ['authors'], extensions: BAD_RESPONSE },
    ]);
  });
});

describe('an entity that is none', () => {
  const places = (index: number) => [0, 1, 2].filter((book) => (book < 2 ? 0 : 1) === index);

  it.each([
    ['a text and a number', '["x",5]', [0, 1]],
    ['lists', '[[{}],[]]', [0, 1]],
    ['one of a foreign type', '[{"__typename":"Zebra","name":"x"},{"__typename":"Author","name":"y"}]', [0]],
    ['one of another type of the graph', '[{"name":"x"},{"__typename":"Book","name":"y"}]', [1]],
    ['one whose type is no name', '[{"__typename":7,"name":"x"},{"name":"y"}]', [0]],
  ])('costs its own fields, each told: %s', async (_what, entities, lost) => {
    await using engine = await startEngine(answering(`{"data":{"_entities":${entities}}}`));
    const { body } = await engine.run('{ books { title author { id born } } }');
    expect(body.data.books.map(({ title }: { title: string }) => title)).toEqual(TITLES);
    // The books subgraph has told the ids.
    expect(body.data.books.map(({ author }: { author: { id: string } }) => author.id)).toEqual(['a', 'a', 'b']);
    const told = (body.errors ?? []).filter(({ extensions }) => extensions?.reason === 'BAD_RESPONSE');
    expect(told.map(({ path }) => path)).toEqual(
      lost.flatMap((index) => places(index).map((book) => ['books', book, 'author'])),
    );
  });

  it('is told of where it lacks what it was asked for, though null may stand there', async () => {
    await using engine = await startEngine(answering('{"data":{"_entities":[{},{"born":1819}]}}'));
    const { body } = await engine.run('{ books { author { born } } }');
    expect(body.data.books.map(({ author }: { author: unknown }) => author)).toEqual([
      { born: null },
      { born: null },
      { born: 1819 },
    ]);
    expect(body.errors?.map(({ path }) => path)).toEqual([0, 1].map((book) => ['books', book, 'author', 'born']));
  });

  it('brings nothing that it was not asked for', async () => {
    await using engine = await startEngine(
      answering('{"data":{"_entities":[{"id":"evil","born":1},{"id":"evil","born":2}],"books":"evil"}}'),
    );
    const { body } = await engine.run('{ books { author { id born } } }');
    expect(body.errors).toBeUndefined();
    expect(JSON.stringify(body.data)).not.toContain('evil');
  });
});

describe('errors of a subgraph', () => {
  it.each([
    ['behind the entities', '["_entities",99]'],
    ['before them', '["_entities",-1]'],
    ['between them', '["_entities",0.5]'],
    ['of no number', '["_entities","0"]'],
    ['of all of them', '["_entities"]'],
    ['elsewhere', '["books",0]'],
    ['empty', '[]'],
  ])('are told though their path leads nowhere: %s', async (_what, path) => {
    const error = `{"message":"lost","path":${path},"extensions":{"code":"NOT_FOUND"}}`;
    await using engine = await startEngine(answering(`{"data":{"_entities":[null,null]},"errors":[${error}]}`));
    const { body } = await engine.run(QUERY);
    expect(body.errors).toEqual([{ message: 'lost', extensions: { code: 'NOT_FOUND', subgraph: 'authors' } }]);
    await using silent = await startEngine(answering(`{"data":null,"errors":[${error}]}`));
    const all = (await silent.run(QUERY)).body.errors;
    expect(all?.map((each) => each.path)).toEqual([0, 1, 2].map((book) => ['books', book, 'author']));
  });

  it('do not hide what no error explains: each is told, once', async () => {
    await using engine = await startEngine([
      {
        name: 'one',
        typeDefs: 'type Query { a: String b: Bee c: Bee } type Bee { sting: Int! }',
        intercept: (request, response) => {
          if (!request.headers['content-type']?.includes('json')) return false;
          const errors = [{ message: 'no a', path: ['a'], extensions: { code: 'NOT_FOUND' } }];
          response.end(JSON.stringify({ data: { a: null, b: { sting: null }, c: { sting: 'far' } }, errors }));
          return true;
        },
      },
    ]);
    const { body } = await engine.run('{ a b { sting } c { sting } }');
    expect(body.data).toEqual({ a: null, b: null, c: null });
    expect(body.errors?.map(({ path, extensions }) => [path?.join('.'), extensions?.code])).toEqual([
      ['a', 'NOT_FOUND'],
      ['b.sting', 'INTERNAL_SERVER_ERROR'],
      ['c.sting', 'INTERNAL_SERVER_ERROR'],
    ]);
  });

  it('explain what was lost with them: other fields of an answer whose data are null', async () => {
    const errors = [{ message: 'no a', path: ['a'], extensions: { code: 'NOT_FOUND' } }];
    await using engine = await startEngine([
      {
        name: 'one',
        typeDefs: 'type Query { a: String b: String }',
        intercept: (_request, response) => (response.end(JSON.stringify({ data: null, errors })), true),
      },
    ]);
    const { body } = await engine.run('{ a b }');
    expect(body.data).toEqual({ a: null, b: null });
    expect(body.errors?.map(({ message, path }) => [message, path])).toEqual([
      ['no a', ['a']],
      ['no a', ['b']],
    ]);
  });

  it('are one line in the log for one fault, however many places it costs', async () => {
    const lines: object[] = [];
    const log: Log = { ...SILENT, error: (facts: object | string) => void lines.push(Object(facts)), child: () => log };
    const error = '{"message":"a password in a stack trace","path":["_entities",0,"name"]}';
    const fakes = answering(`{"data":{"_entities":[null]},"errors":[${error}]}`);
    const books = Array.from({ length: 50 }, (_, index) => ({ id: String(index), title: 'x', author: { id: 'a' } }));
    Object.assign(fakes[0]?.resolvers ?? {}, { Query: { books: () => books } });
    await using engine = await startEngine(fakes, { log });
    const { body } = await engine.run(QUERY);
    expect(body.errors).toHaveLength(50);
    expect(lines).toMatchObject([
      {
        subgraph: 'authors',
        message: 'a password in a stack trace',
        count: 50,
        paths: [0, 1, 2].map((book) => ['books', book, 'author', 'name']),
      },
    ]);
  });

  it('are written in a time that grows with their number', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => ({
      message: `no ${index}`,
      extensions: { code: 'CONFLICT' },
    }));
    const fakes = answering(JSON.stringify({ data: null, errors: many }));
    const books = Array.from({ length: 2_000 }, (_, index) => ({ id: String(index), title: 'x', author: { id: 'a' } }));
    Object.assign(fakes[0]?.resolvers ?? {}, { Query: { books: () => books } });
    await using engine = await startEngine(fakes, { inside: { maxSubgraphErrors: 500, maxAnswerErrors: 5_000 } });
    const { body } = await engine.run(QUERY);
    expect(body.data.books).toHaveLength(2_000);
    // The first is told of every place that was lost; the rest once, and what is too much is counted.
    expect(body.errors).toHaveLength(2_000 + 499 + 1);
    expect(body.errors?.filter(({ path }) => path === undefined)).toHaveLength(500);
  });
});

describe('values of subgraphs', () => {
  it('may be nested so deep where an object is expected that nobody could walk it: that costs that place', async () => {
    const depth = 100_000;
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    const fake: FakeSubgraph = {
      name: 'deep',
      typeDefs: 'type Query { x: Int } type Mutation { set: Thing } type Thing { id: ID! }',
      intercept: (_request, response) => (response.end(`{"data":{"set":${deep}}}`), true),
    };
    await using engine = await startEngine([fake]);
    const { body } = await engine.run('mutation { set { id } }');
    expect(body.data).toEqual({ set: null });
    expect(body.errors?.map(({ path }) => path)).toEqual([['set']]);
  });

  it('may be nested so deep that they cannot be written: that costs them, and nothing else', async () => {
    const depth = 20_000;
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    await using engine = await startEngine([
      {
        name: 'one',
        typeDefs: 'scalar Any type Query { deep: Any flat: Any }',
        intercept: (_request, response) => (response.end(`{"data":{"deep":${deep},"flat":[1]}}`), true),
      },
    ]);
    const { body } = await engine.run('{ deep flat }');
    expect(body.data).toEqual({ deep: null, flat: [1] });
    expect(body.errors?.map(({ path }) => path)).toEqual([['deep']]);
  });
});
