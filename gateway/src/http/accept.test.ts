import { describe, expect, it } from '@jest/globals';
import { readAccept } from './accept.js';

describe('what a client reads', () => {
  it.each([
    [undefined, 'application/json', false],
    ['*/*', 'application/json', false],
    ['application/json', 'application/json', false],
    ['application/graphql-response+json', 'application/graphql-response+json', true],
    ['application/graphql-response+json, application/json;q=0.9', 'application/graphql-response+json', true],
    ['application/json, application/graphql-response+json;q=0.5', 'application/json', false],
    ['multipart/mixed;deferSpec=20220824, application/json', 'application/json', false],
  ])('%s is %s', (header, type, readsStatus) => {
    const accepted = readAccept(header);
    expect(accepted?.type).toBe(`${type}; charset=utf-8`);
    expect(accepted?.readsStatus).toBe(readsStatus);
    expect(accepted?.incremental).toBe(header?.includes('multipart') ?? false);
  });

  it('is refused when it is nothing that is served', () => {
    expect(readAccept('text/csv')).toBeNull();
    expect(readAccept('application/json;q=0')).toBeNull();
  });
});
