import { describe, expect, it } from '@jest/globals';
import { readGatewayConfig } from './config.js';

describe('settings of single subgraphs', () => {
  it('are found by the name of the subgraph, and no other setting is taken for one', () => {
    const { subgraphUrls, subgraphTimeoutsMs, SUBGRAPH_TIMEOUT_MS } = readGatewayConfig({
      AUTH_URL: 'http://auth.test',
      MEDIA_PUBLIC_URL: 'http://media.test',
      REDIS_URL: 'redis://redis.test',
      AUTH_DATABASE_URL: 'postgresql://database.test/auth',
      AUTH_TIMEOUT_MS: '500',
      SOME_GRAPH_TIMEOUT_MS: '9000',
      MEDIA_TIMEOUT_MS: '',
      PEER_TIMEOUT_MS: '1',
      DB_CONNECT_TIMEOUT_MS: '2',
      DB_STATEMENT_TIMEOUT_MS: '3',
      UPLOAD_TIMEOUT_MS: '4',
      OPERATION_TIMEOUT_MS: '5',
      SUBGRAPH_TIMEOUT_MS: '6',
    });
    expect(subgraphUrls).toEqual({ auth: 'http://auth.test' });
    expect(subgraphTimeoutsMs).toEqual({ auth: 500, some_graph: 9000 });
    expect(SUBGRAPH_TIMEOUT_MS).toBe(6);
  });

  it('are of each address, where auth is at several', () => {
    const AUTH_URL = 'http://one.test:3001, http://two.test:3001';
    expect(readGatewayConfig({ AUTH_URL })).toMatchObject({
      subgraphUrls: { auth: AUTH_URL },
      jwksUrls: ['http://one.test:3001/.well-known/jwks.json', 'http://two.test:3001/.well-known/jwks.json'],
      sessionTokensUrls: ['http://one.test:3001/session-tokens', 'http://two.test:3001/session-tokens'],
    });
    expect(readGatewayConfig({ AUTH_URL, JWKS_URL: 'http://keys.test/a,b' })).toMatchObject({
      jwksUrls: ['http://keys.test/a,b'],
      revocationsUrls: null,
      sessionTokensUrls: null,
    });
  });

  it('are refused with their name when they are wrong', () => {
    expect(() => readGatewayConfig({ AUTH_TIMEOUT_MS: 'soon' })).toThrow(/AUTH_TIMEOUT_MS: must be a whole number/);
    expect(() => readGatewayConfig({ AUTH_URL: 'http://' })).toThrow(/AUTH_URL: must be an http\(s\) URL/);
  });
});

describe('faults of settings', () => {
  it('are told together, those of single subgraphs too', () => {
    const read = () =>
      readGatewayConfig({
        AUTH_TIMEOUT_MS: 'soon',
        TASK_MAX_COST: '-5',
        AUTH_URL: 'http://',
        MAX_OPERATION_DEPTH: 'x',
      });
    for (const name of ['AUTH_TIMEOUT_MS', 'TASK_MAX_COST', 'AUTH_URL', 'MAX_OPERATION_DEPTH'])
      expect(read).toThrow(`\n  - ${name}: `);
  });

  it.each([
    [{ SAFELIST_REQUIRE_ID: '1' }, 'SAFELIST_REQUIRE_ID: needs SAFELIST_FILE'],
    [{ REQUEST_TIMEOUT_MS: '1000' }, 'REQUEST_TIMEOUT_MS: must be at least UPLOAD_TIMEOUT_MS (120000)'],
    [{ UPLOAD_TIMEOUT_MS: '150001' }, 'REQUEST_TIMEOUT_MS: must be at least UPLOAD_TIMEOUT_MS (150001)'],
    [{ SESSION_COOKIES: 'secure' }, 'SESSION_COOKIES: needs CLIENT_INFO_SECRET'],
    [
      { SESSION_COOKIES: 'secure', CLIENT_INFO_SECRET: 'of at least thirty-two characters', CORS_ORIGINS: '*' },
      'SESSION_COOKIES: CORS_ORIGINS must name the origins',
    ],
    [{ SESSION_COOKIES: 'localhost', HOST: '0.0.0.0' }, 'SESSION_COOKIES: localhost is for development'],
    [{ SESSION_COOKIES: 'yes' }, 'SESSION_COOKIES: must be off, secure or localhost'],
  ])('are those that two make together: %j', (env, fault) => {
    expect(() => readGatewayConfig(env)).toThrow(fault);
  });

  it('are none where both are set', () => {
    const env = { SAFELIST_REQUIRE_ID: '1', SAFELIST_FILE: 'x', REQUEST_TIMEOUT_MS: '1000', UPLOAD_TIMEOUT_MS: '1000' };
    expect(readGatewayConfig(env)).toMatchObject({ SAFELIST_REQUIRE_ID: true, REQUEST_TIMEOUT_MS: 1_000 });
  });
});
