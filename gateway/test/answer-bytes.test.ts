import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

/** What both subgraphs answer with at present. */
let now: Answered = { title: '', name: '', isEscaped: false };

interface Answered {
  readonly title: string;
  readonly name: string;
  /** Whether JSON of the authors names other characters than ASCII by their numbers. */
  readonly isEscaped: boolean;
}

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('Emma', 'Ünïted', '書', '😀', '"\\'));
const answered = fc.record({ title: text, name: text, isEscaped: fc.boolean() });
const asked = fc.constantFrom(
  '{ books { title author { name } } }',
  '{ books { title } }',
  '{ books { author { name } } broken }',
  '{ books { title author { name } } __type(name: "Book") { name description } }',
);

function escaped(json: string): string {
  return json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

describe('the answer of a gateway', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    const intercept = (_request: IncomingMessage, response: ServerResponse) => {
      const json = JSON.stringify({ data: { _entities: [{ __typename: 'Author', name: now.name }] } });
      response.setHeader('content-type', 'application/json');
      response.end(now.isEscaped ? escaped(json) : json);
      return true;
    };
    const books = { Query: { books: () => [{ id: '1', title: now.title, author: { id: 'a' } }], broken: fails } };
    gateway = await startGateway(library({ books, intercept }));
  });
  afterAll(async () => gateway[Symbol.asyncDispose]());

  it('has as many bytes as its head says, and is whole, whatever characters come from which subgraph', async () => {
    let beyondAscii = 0;
    await fc.assert(
      fc.asyncProperty(answered, asked, async (given, query) => {
        now = given;
        const response = await fetch(`${gateway.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query }),
        });
        const bytes = Buffer.from(await response.arrayBuffer());
        expect(Number(response.headers.get('content-length'))).toBe(bytes.length);
        const [book] = (JSON.parse(bytes.toString()) as { data: { books: Array<Record<string, unknown>> } }).data.books;
        if (query.includes('title')) expect(book?.['title']).toBe(given.title);
        if (query.includes('author')) expect(book?.['author']).toEqual({ name: given.name });
        if (bytes.some((byte) => byte > 127)) beyondAscii += 1;
      }),
      { numRuns: 300 },
    );
    expect(beyondAscii).toBeGreaterThan(30);
  });
});

function fails(): never {
  throw new Error('broken');
}
