import { describe, expect, it } from '@jest/globals';
import { createOrigins } from './origins.js';
import { DEVELOPMENT_ORIGINS, parseOriginRule } from './origin-rules.js';

function judge(rules: readonly string[], headers: Record<string, string>) {
  const parsed = rules.map((rule) => {
    const read = parseOriginRule(rule);
    if (!read) throw new Error(`${rule} is no rule`);
    return read;
  });
  return createOrigins(parsed).of({ headers });
}

const of = (rules: readonly string[], origin: string) => judge(rules, { origin, host: 'api.example.org' });

describe('an entry of CORS_ORIGINS', () => {
  it.each([
    'null',
    'app.example.com',
    'ftp://example.com',
    'https://',
    'https://*',
    'https://*.com',
    'https://*.localhost',
    'https://*.127.0.0.1',
    'https://a*.example.com',
    'https://a.*.example.com',
    'https://example.com/',
    'https://example.com/app',
    'https://user@example.com',
    'https://example.com:*',
    'https://example.com:70000',
    'https://example..com',
    'https://exa mple.com',
    'https://*.localhost:*',
    '**',
  ])('is not %s', (text) => {
    expect(parseOriginRule(text)).toBeNull();
  });

  it.each([
    [['https://app.example.com'], 'https://app.example.com', 'listed'],
    [['https://APP.example.com:443'], 'https://app.example.com', 'listed'],
    [['https://app.example.com'], 'http://app.example.com', 'foreign'],
    [['https://app.example.com'], 'https://app.example.com:8443', 'foreign'],
    [['https://app.example.com'], 'https://app.example.com.evil.net', 'foreign'],
    [['https://app.example.com'], 'https://evil-app.example.com', 'foreign'],
    [['https://*.example.com'], 'https://a.example.com', 'listed'],
    [['https://*.example.com'], 'https://a.b-c.example.com', 'listed'],
    [['https://*.example.com'], 'https://example.com', 'foreign'],
    [['https://*.example.com'], 'https://evilexample.com', 'foreign'],
    [['https://*.example.com'], 'https://a.exampleXcom', 'foreign'],
    [['https://*.example.com'], 'https://evil.net/.example.com', 'foreign'],
    [['https://*.example.com'], 'https://evil.net#.example.com', 'foreign'],
    [['https://*.example.com'], 'https://a.example.com:8443', 'foreign'],
    [['https://*.example.com:8443'], 'https://a.example.com:8443', 'listed'],
    [['http://localhost:*'], 'http://localhost', 'listed'],
    [['http://localhost:*'], 'http://localhost:5173', 'listed'],
    [['http://localhost:*'], 'http://localhost:5173.evil.net', 'foreign'],
    [['http://localhost:*'], 'http://localhost.evil.net:5173', 'foreign'],
    [['http://127.0.0.1:*'], 'http://127x0.0.1:80', 'foreign'],
    [['http://[::1]:*'], 'http://[::1]:80', 'listed'],
    [['https://app.example.com'], 'null', 'foreign'],
    [['https://app.example.com'], '', 'foreign'],
    [['https://app.example.com'], 'https://app.example.com, https://app.example.com', 'foreign'],
    [['*'], 'https://anybody.net', 'listed'],
    [[], 'https://app.example.com', 'foreign'],
  ] as const)('%s: a page of %s is %s', (rules, origin, verdict) => {
    expect(of(rules, origin)).toBe(verdict);
    // A second time, from what is remembered.
    expect(of(rules, origin)).toBe(verdict);
  });

  it('is all of what is for development', () => {
    const origins = ['https://studio.apollographql.com', 'http://localhost:5173', 'http://127.0.0.1', 'http://[::1]:1'];
    for (const origin of origins) expect(of(DEVELOPMENT_ORIGINS, origin)).toBe('listed');
    expect(of(DEVELOPMENT_ORIGINS, 'https://example.com')).toBe('foreign');
  });
});

describe('the page of a request', () => {
  it.each([
    [{}, 'none'],
    [{ 'sec-fetch-site': 'none' }, 'none'],
    [{ 'sec-fetch-site': 'same-origin' }, 'none'],
    [{ 'sec-fetch-site': 'same-site' }, 'foreign'],
    [{ 'sec-fetch-site': 'cross-site' }, 'foreign'],
    [{ origin: 'http://api.example.org:3000', host: 'api.example.org:3000' }, 'own'],
    [{ origin: 'https://api.example.org', host: 'api.example.org' }, 'own'],
    [{ origin: 'https://api.example.org', host: 'api.example.org:3000' }, 'foreign'],
    [{ origin: 'https://api.example.org' }, 'foreign'],
    [{ origin: 'https://', host: '' }, 'foreign'],
  ])('%j is %s', (headers, verdict) => {
    expect(judge([], headers as Record<string, string>)).toBe(verdict);
  });
});
