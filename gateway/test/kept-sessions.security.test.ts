import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { SessionTokens } from '@taskgraph/contracts';
import { createLog, createMetrics } from '@taskgraph/service-kit';
import { hasRedisServer, startRedisServer, type RedisServer } from '@taskgraph/testkit';
import { Redis } from 'ioredis';
import { createKeptSessions, type KeptSessions } from '../src/identity/kept-sessions.js';

const SECRET = 'a secret that all gateways of this test share';
const describeWithRedis = hasRedisServer() ? describe : describe.skip;

describeWithRedis('sessions of cookies, which gateways keep in Redis together', () => {
  let redis: RedisServer;
  let client: Redis;
  const gateways: KeptSessions[] = [];
  /** Auth, where the truth is. */
  const auth = { asked: 0, answer: null as SessionTokens | null };
  let nowMs: number;
  let cookieHash: string;

  function start(secret = SECRET): KeptSessions {
    const gateway = createKeptSessions({
      redisUrl: redis.url,
      secret,
      async exchange() {
        auth.asked += 1;
        // As an answer over the network would, this lets a connection to Redis come up meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
        return auth.answer;
      },
      log: createLog({ service: 'gateway', level: 'silent' }),
      metrics: createMetrics('gateway'),
      now: () => nowMs,
    });
    gateways.push(gateway);
    return gateway;
  }
  const keys = () => client.keys('taskgraph:session:*');
  /** Resolves when a gateway has connected, and what it was told is what all find. */
  async function untilKept(gateway: KeptSessions, hash = cookieHash): Promise<void> {
    while (!(await gateway.exchange(hash))?.isKept);
  }

  beforeAll(async () => {
    redis = await startRedisServer();
    client = new Redis(redis.url);
    client.on('error', () => undefined);
  });
  beforeEach(async () => {
    if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
    await client.flushall();
    Object.assign(auth, { asked: 0, answer: { accessToken: 'a.good.token', expiresIn: 900, sessionExpiresIn: 9_000 } });
    nowMs = Date.now();
    cookieHash = randomBytes(32).toString('base64url');
  });
  afterAll(async () => {
    for (const gateway of gateways) gateway.close();
    client.disconnect();
    await redis[Symbol.asyncDispose]();
  });

  it('are asked for once for all of them, until shortly before their tokens expire', async () => {
    const [one, other] = [start(), start()];
    await untilKept(one);
    await untilKept(other);
    const before = auth.asked;
    nowMs += 100_000;
    expect(await other.exchange(cookieHash)).toEqual({
      accessToken: 'a.good.token',
      expiresIn: 800,
      sessionExpiresIn: 9_000,
      isKept: true,
    });
    expect(auth.asked).toBe(before);
    const [key = ''] = await keys();
    expect(await client.pttl(key)).toBeLessThanOrEqual(870_000);
    expect(await client.pttl(key)).toBeGreaterThan(600_000);
    nowMs += 900_000;
    expect((await other.exchange(cookieHash))?.isKept).toBeUndefined();
    expect(auth.asked).toBe(before + 1);
  });

  it('that have ended are what auth says when it is asked, and are forgotten by all', async () => {
    const [one, other] = [start(), start()];
    await untilKept(one);
    await untilKept(other);
    auth.answer = null;
    expect(await one.exchange(cookieHash, true)).toBeNull();
    while ((await keys()).length > 0);
    expect(await other.exchange(cookieHash)).toBeNull();
    expect(await keys()).toEqual([]);
  });

  it('tell nothing to who reads Redis, and believe nothing that somebody else has written there', async () => {
    const gateway = start();
    await untilKept(gateway);
    const [key = ''] = await keys();
    const sealed = (await client.getBuffer(key)) as Buffer;
    const dump = `${key} ${sealed.toString('latin1')}`;
    for (const told of [cookieHash, 'a.good.token', 'accessToken']) expect(dump).not.toContain(told);

    const changed = Buffer.from(sealed);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    for (const written of [changed, sealed.subarray(0, 20), Buffer.alloc(0), Buffer.from('{"accessToken":"evil"}')]) {
      await client.set(key, written);
      expect(await gateway.exchange(cookieHash)).toEqual(auth.answer);
      // It has kept what auth has said.
      while ((await client.getBuffer(key))?.equals(written));
      await client.del(key);
    }
    // A token of one session is not that of another.
    const mallory = randomBytes(32).toString('base64url');
    await gateway.exchange(mallory);
    let found = await keys();
    while (found.length < 1) found = await keys();
    await client.set(found[0] as string, sealed);
    expect((await gateway.exchange(mallory))?.isKept).toBeUndefined();
    // Nor do gateways with another secret read it.
    const foreign = start('another secret, of another installation');
    await untilKept(foreign, randomBytes(32).toString('base64url'));
    await untilKept(gateway);
    expect((await foreign.exchange(cookieHash))?.isKept).toBeUndefined();
  });

  it('are asked of auth while Redis is away, and kept again when it is back', async () => {
    const gateway = start();
    await untilKept(gateway);
    await redis.stop();
    const before = auth.asked;
    for (let again = 0; again < 3; again += 1) expect(await gateway.exchange(cookieHash)).toEqual(auth.answer);
    expect(auth.asked).toBe(before + 3);
    await redis.start();
    await untilKept(gateway);
  });
});
