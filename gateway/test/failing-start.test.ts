import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { hasRedisServer, startRedisServer } from '@taskgraph/testkit';
import { Redis } from 'ioredis';
import { createGateway, readGatewayConfig } from '../src/gateway.js';

const SECRET = 'of at least thirty-two characters';

describe('a gateway that cannot be composed', () => {
  (hasRedisServer() ? it : it.skip).each<[string, (folder: string) => Record<string, string>, string]>([
    ['certificates that are none', (at) => ({ SUBGRAPH_CA_FILE: `${at}/file` }), 'SUBGRAPH_CA_FILE'],
    ['a folder that is none', (at) => ({ UPLOAD_SPOOL_DIR: `${at}/file/inside` }), 'UPLOAD_SPOOL_DIR'],
    ['a supergraph that is not there', (at) => ({ SUPERGRAPH_PATH: `${at}/nowhere` }), 'SUPERGRAPH_PATH'],
    ['a safelist that is none', (at) => ({ SAFELIST_FILE: `${at}/file` }), 'SAFELIST_FILE'],
    ['a secret that is missing', () => ({ CLIENT_INFO_SECRET: '' }), 'CLIENT_INFO_SECRET'],
  ])('leaves no connection behind: %s', async (_what, env, named) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-start-'));
    await writeFile(path.join(folder, 'file'), 'neither certificates nor a manifest');
    await using redis = await startRedisServer();
    const settings = { GATEWAY_PORT: '0', CLIENT_INFO_SECRET: SECRET, REDIS_URL: redis.url, ...env(folder) };
    const config = () => readGatewayConfig(settings);
    const created = (async () => createGateway(config(), { log: createLog({ service: 'gateway', level: 'fatal' }) }))();
    await expect(created).rejects.toThrow(named);
    const observer = new Redis(redis.url);
    try {
      // A connection of the gateway's would have begun before this one, and nobody would end it.
      while ((await clientsOf(observer)) > 1) await delay(20);
    } finally {
      observer.disconnect();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

async function clientsOf(redis: Redis): Promise<number> {
  const list = String(await redis.client('LIST'));
  return list.split('\n').filter((line) => line !== '').length;
}
