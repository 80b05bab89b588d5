import { describe, expect, it } from '@jest/globals';
import { library, startGateway } from './fake-subgraphs.js';

describe('messages of subgraphs', () => {
  const coded = {
    message: 'no such author',
    path: ['authors', 0, 'name'],
    extensions: { code: 'NOT_FOUND', http: { status: 404 } },
  };
  const uncoded = {
    message: 'connection to 10.0.0.7 refused',
    path: ['authors', 0, 'born'],
    extensions: { stacktrace: ['at secret.ts'], hint: 'later' },
  };
  const text = JSON.stringify({ data: { authors: [null] }, errors: [coded, uncoded] });
  const fakes = () => {
    const [books, authors] = library({ intercept: (_request, response) => (response.end(text), true) });
    return [books, { ...authors, typeDefs: authors?.typeDefs.replace('[Author!]!', '[Author]') ?? '' }] as NonNullable<
      typeof books
    >[];
  };
  const QUESTION = '{ authors { name born } }';

  it.each(['none', 'books', 'books, '])(
    'are hidden where an error has no code that says something: %s',
    async (setting) => {
      await using gateway = await startGateway(fakes(), { SUBGRAPH_ERROR_MESSAGES: setting });
      const { body, request } = await gateway.run(QUESTION);
      expect(body.errors).toEqual([
        { message: 'no such author', path: coded.path, extensions: { code: 'NOT_FOUND', subgraph: 'authors' } },
        {
          message: 'Something went wrong on our side.',
          path: uncoded.path,
          extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: request.requestId, subgraph: 'authors' },
        },
      ]);
    },
  );

  it.each(['all', 'authors', 'books, Authors'])('are passed on where a setting says so: %s', async (setting) => {
    await using gateway = await startGateway(fakes(), { SUBGRAPH_ERROR_MESSAGES: setting });
    const { body, request } = await gateway.run(QUESTION);
    expect(body.errors?.[1]).toEqual({
      message: 'connection to 10.0.0.7 refused',
      path: uncoded.path,
      extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: request.requestId, subgraph: 'authors', hint: 'later' },
    });
  });
});
