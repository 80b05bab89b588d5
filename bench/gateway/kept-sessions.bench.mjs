#!/usr/bin/env node
// What the session of a cookie costs where auth is asked for its token, and where another gateway has left it in Redis: `npm run bench -- gateway/kept-sessions`.
//   --rounds N (4), --exchanges N (300) of each in each round, one after the other
import { createHash, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createClientInfoSigner, createLog, createMetrics } from '@taskgraph/service-kit';
import { postGraphQL, spawnGraph, startRedisServer, startTestDatabases } from '@taskgraph/testkit';
import { createExchangeCookie } from '../../gateway/dist/identity/exchange-cookie.js';
import { createKeptSessions } from '../../gateway/dist/identity/kept-sessions.js';
import { cpuMs, percentiles } from './rig.mjs';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '4' }, exchanges: { type: 'string', default: '300' } },
});
const secret = randomBytes(32).toString('hex');
const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { __typename } }`;

const log = createLog({ service: 'bench', level: 'silent' });
const databases = await startTestDatabases();
const redis = await startRedisServer();
const graph = await spawnGraph({
  settings: { CLIENT_INFO_SECRET: secret, SESSION_COOKIES: 'localhost', CORS_ORIGINS: 'https://app.example.com' },
});
const kept = createKeptSessions({
  redisUrl: redis.url,
  secret,
  exchange: createExchangeCookie({
    url: `${graph.urls.auth}/session-tokens`,
    sign: createClientInfoSigner(secret),
    log,
  }),
  log,
  metrics: createMetrics('gateway'),
});
try {
  const hash = await openSession();
  while (!(await kept.exchange(hash))?.isKept);
  const ways = [
    { name: 'auth is asked', mustAsk: true },
    { name: 'it is in Redis', mustAsk: false },
  ].map((way) => ({ ...way, latencies: [], authCpu: 0, ownCpu: 0 }));
  for (let round = 0; round <= Number(flags.rounds); round += 1)
    for (const way of ways) {
      const before = [cpuMs(graph.pids.auth), process.cpuUsage()];
      const latencies = [];
      for (let index = 0; index < Number(flags.exchanges); index += 1) {
        const startedAt = performance.now();
        const found = await kept.exchange(hash, way.mustAsk);
        latencies.push(performance.now() - startedAt);
        if (!found || Boolean(found.isKept) === way.mustAsk) throw new Error(`not as it should be: ${way.name}`);
      }
      if (round === 0) continue; // a process needs some requests to become warm
      const { user, system } = process.cpuUsage(before[1]);
      way.latencies.push(...latencies);
      way.authCpu += cpuMs(graph.pids.auth) - before[0];
      way.ownCpu += (user + system) / 1_000;
    }
  console.log('| a cookie’s token | p50 ms | p95 ms | p99 ms | auth, cpu ms each | gateway’s side, cpu ms each |');
  console.log('|---|---|---|---|---|---|');
  for (const { name, latencies, authCpu, ownCpu } of ways) {
    const { p50, p95, p99 } = percentiles(latencies);
    const cells = [p50, p95, p99, authCpu / latencies.length, ownCpu / latencies.length];
    console.log(`| ${name} | ${cells.map((cell) => cell.toFixed(2)).join(' | ')} |`);
  }
  const [asked, found] = ways.map(({ latencies }) => percentiles(latencies).p50);
  console.log(`\nAuth takes ${(asked / found).toFixed(1)} times as long as Redis.`);
} finally {
  kept.close();
  await graph[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await databases.stop();
}

/** Opens the session of a browser; returns what gateways know its cookie by. */
async function openSession() {
  const answer = await postGraphQL(`${graph.urls.gateway}/graphql`, {
    query: REGISTER,
    variables: { input: { email: 'ada@example.com', password: 'seven green otters juggle', displayName: 'Ada' } },
    headers: { 'taskgraph-session': 'cookie' },
  });
  const cookie = answer.headers.get('set-cookie');
  if (!cookie) throw new Error(`no cookie: ${JSON.stringify(answer.body)}`);
  return createHash('sha256').update(cookie.split(';')[0].split('=')[1]).digest('base64url');
}
