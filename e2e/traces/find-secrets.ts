import { withClient } from '@taskgraph/databases';
import type { SpawnedGraph } from '@taskgraph/testkit';
import { Redis } from 'ioredis';

/** Something that nobody is to find written down, by what it is; bytes where the text only says them. */
export type Secrets = ReadonlyMap<string, string | Buffer>;

/** What a run has written, by where. */
export type Writings = ReadonlyMap<string, string>;

export interface RunOfSystem {
  readonly graph: SpawnedGraph;
  readonly redisUrl: string;
  /** Bodies as the collector of traces got them. */
  readonly traces: readonly string[];
}

/** Reads what a run has left: the log of each process, each row of each database, each key of Redis, and all traces. */
export async function readWritings({ graph, redisUrl, traces }: RunOfSystem): Promise<Writings> {
  const writings = new Map<string, string>([['traces', traces.join('\n')]]);
  for (const service of ['gateway', 'auth', 'task', 'media'] as const)
    writings.set(`log of ${service}`, graph.logs(service).join('\n'));
  for (const [service, { url }] of Object.entries(graph.databases))
    for (const [table, rows] of await readTables(url)) writings.set(`rows of ${service}.${table}`, rows);
  writings.set('Redis', await readRedis(redisUrl));
  return writings;
}

/** Tells which secrets are written where, in any of the ways in which programs write them. */
export function findSecrets(secrets: Secrets, writings: Writings): string[] {
  const found: string[] = [];
  for (const [name, secret] of secrets) {
    const spellings = spellingsOf(secret);
    for (const [place, text] of writings)
      if (spellings.some((spelling) => text.includes(spelling))) found.push(`${name}: ${place}`);
  }
  return found;
}

/** As it is, in a URL, in JSON, in Base64 of both alphabets, and in hexadecimal digits. */
function spellingsOf(secret: string | Buffer): readonly string[] {
  const bytes = Buffer.from(secret);
  // What comes after the last three bytes that are whole depends on what follows.
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
  const encoded = [whole.toString('base64'), whole.toString('base64url'), bytes.toString('hex')];
  if (typeof secret !== 'string') return encoded;
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), ...encoded];
}

/** Rows of each table as JSON, in which bytes are hexadecimal digits. */
async function readTables(url: string): Promise<ReadonlyArray<readonly [table: string, rows: string]>> {
  return withClient(url, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT quote_ident(relname) AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace`,
    );
    const read: Array<readonly [string, string]> = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${name} t`);
      read.push([name, rows.map(({ row }) => row).join('\n')]);
    }
    return read;
  });
}

const READERS: Readonly<Record<string, (redis: Redis, key: string) => Promise<unknown>>> = {
  string: (redis, key) => redis.get(key),
  hash: (redis, key) => redis.hgetall(key),
  list: (redis, key) => redis.lrange(key, 0, -1),
  set: (redis, key) => redis.smembers(key),
  zset: (redis, key) => redis.zrange(key, 0, -1, 'WITHSCORES'),
  stream: (redis, key) => redis.xrange(key, '-', '+'),
};

/** Keys with what they hold, each a line of JSON. */
async function readRedis(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    const lines: string[] = [];
    for (const key of await redis.keys('*')) {
      const type = await redis.type(key);
      // Between the list and this it may have expired.
      if (type === 'none') continue;
      const read = READERS[type];
      if (!read) throw new Error(`a key of Redis is of a type that nobody reads: ${type}`);
      lines.push(`${key} ${JSON.stringify(await read(redis, key))}`);
    }
    return lines.join('\n');
  } finally {
    redis.disconnect();
  }
}
