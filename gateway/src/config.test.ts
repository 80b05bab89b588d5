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

  it('are refused with their name when they are wrong', () => {
    expect(() => readGatewayConfig({ AUTH_TIMEOUT_MS: 'soon' })).toThrow(/AUTH_TIMEOUT_MS: must be a whole number/);
    expect(() => readGatewayConfig({ AUTH_URL: 'http://' })).toThrow(/AUTH_URL: must be an http\(s\) URL/);
  });
});
