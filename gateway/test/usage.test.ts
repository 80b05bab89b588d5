import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { runCli } from '@taskgraph/schema-check';
import { hasRedisServer, startRedisServer, sumOfMetric } from '@taskgraph/testkit';
import { library, startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';
import { connectClient, newsroom } from './subscriptions/newsroom.js';

const LATER_MS = String(60 * 60 * 1_000);
const named = (name: string, version?: string) => ({
  'apollographql-client-name': name,
  ...(version !== undefined && { 'apollographql-client-version': version }),
});

/** A repository with the SDL of these subgraphs, and the program that checks it. */
async function openRepository(fakes: readonly FakeSubgraph[]) {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-usage-'));
  const write = (file: string, text: string) => writeFile(path.join(folder, file), text);
  const subgraphs = fakes.map(({ name }) => `  ${name}: { routing_url: 'http://${name}', schema: ${name}.graphql }`);
  await write('supergraph.yaml', `subgraphs:\n${subgraphs.join('\n')}\n`);
  await write('schema-check.yaml', 'subgraphs: supergraph.yaml\nagainst: []\nlint: false\nregistry: registry\n');
  for (const { name, typeDefs } of fakes) await write(`${name}.graphql`, typeDefs);
  return {
    usageFolder: path.join(folder, 'usage'),
    async run(...args: string[]) {
      let output = '';
      const print = (text: string) => void (output += text);
      const today = new Date().toISOString().slice(0, 10);
      const status = await runCli({ args, cwd: folder, today, env: {}, print, printError: print });
      return { status, output };
    },
    async replace(name: string, from: string, to: string) {
      const text = await readFile(path.join(folder, `${name}.graphql`), 'utf8');
      expect(text).toContain(from);
      await write(`${name}.graphql`, text.replace(from, to));
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function metric(gateway: GatewayUnderTest, name: string, labels: Record<string, string> = {}): Promise<number> {
  return sumOfMetric(await (await fetch(`${gateway.url}/metrics`)).text(), name, labels);
}

/** Waits for a fact. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20);
}

const BOOK = 'query Book($id: ID!) { first: book(id: $id) { title } other: book(id: "a private literal") { title } }';

(hasRedisServer() ? describe : describe.skip)('usage that is kept in Redis', () => {
  it('says who uses a field, and whom its removal breaks', async () => {
    await using redis = await startRedisServer();
    await using repository = await openRepository(library());
    const settings = { REDIS_URL: redis.url, USAGE_FLUSH_MS: LATER_MS };
    for (const times of [2, 1]) {
      // Whoever is told to stop tells what was counted first; another one counts on.
      await using gateway = await startGateway(library(), settings);
      const variables = { id: 'a private variable' };
      for (let i = 0; i < times; i++) await gateway.run(BOOK, { variables, headers: named('web', '1.2.0') });
      await gateway.run('query Titles { books { title } }', { headers: named('phone', '3') });
      await gateway.run('{ authors { born } }');
      // What is not run is nobody's usage.
      await gateway.run('{ books { nothing } }', { headers: named('phone', '3') });
    }
    const traffic = ['--traffic', redis.url];
    const today = new Date().toISOString().slice(0, 10);
    const { output } = await repository.run('usage', 'Book.title', ...traffic);
    expect(output).toMatch(new RegExp(`Book of web 1.2.0, ${redis.url}.*, 3 times, .* to ${today}`));
    expect(output).toMatch(/Titles of phone 3, .*, 2 times, /);
    expect((await repository.run('usage', 'Author.born', ...traffic)).output).toMatch(/of unknown, .*, 2 times, /);
    expect((await repository.run('usage', 'Author.name', ...traffic)).output).toBe('Author.name: nobody uses it\n');
    expect((await repository.run('usage', 'Query.book(id:)', ...traffic)).output).toContain('Book of web 1.2.0');
    expect((await repository.run('usage', '--format', 'json', ...traffic)).output).not.toContain('private ');

    expect((await repository.run('publish', '--by', 'ada@example.com')).status).toBe(0);
    await repository.replace('books', 'title: String! author', 'author');
    await repository.replace('authors', 'name: String! born', 'born');
    const removed = await repository.run('check', '--against', 'registry', ...traffic);
    expect(removed).toMatchObject({
      status: 1,
      output: expect.stringContaining("'title' was removed from object type 'Book'"),
    });
    expect(removed.output).toContain('used by Book of web 1.2.0');
    expect(removed.output).toContain('used by Titles of phone 3');
    await repository.replace('books', 'author: Author', 'title: String! author: Author');
    const unused = await repository.run('check', '--against', 'registry', ...traffic);
    expect(unused).toMatchObject({ status: 0, output: expect.stringContaining('no operation uses it') });
  });

  it('waits while Redis is away, and is told when it is back', async () => {
    await using redis = await startRedisServer();
    await using repository = await openRepository(library());
    const failed = { outcome: 'error' };
    await using gateway = await startGateway(library(), { REDIS_URL: redis.url, USAGE_FLUSH_MS: '20' });
    await redis.stop();
    for (let i = 0; i < 5; i++) expect((await gateway.run('query Titles { books { title } }')).status).toBe(200);
    await until(async () => (await metric(gateway, 'taskgraph_gateway_usage_flushes_total', failed)) > 1);
    expect(await metric(gateway, 'taskgraph_gateway_usage_pending')).toBe(1);
    expect(await repository.run('usage', 'Book.title', '--traffic', redis.url)).toMatchObject({
      status: 2,
      output: expect.stringContaining(`${redis.url} cannot be read: `),
    });
    await redis.start();
    await until(async () => (await metric(gateway, 'taskgraph_gateway_usage_pending')) === 0);
    const recorded = { outcome: 'ok' };
    await until(async () => (await metric(gateway, 'taskgraph_gateway_usage_operations_total', recorded)) === 5);
    expect((await repository.run('usage', 'Book.title', '--traffic', redis.url)).output).toContain(', 5 times, ');
  });
});

describe('usage that is kept in a folder', () => {
  it('is that of subscriptions too, under the name that a WebSocket begins with', async () => {
    const { fakes } = newsroom();
    await using repository = await openRepository(fakes);
    {
      await using gateway = await startGateway(fakes, { USAGE_DIR: repository.usageFolder, USAGE_FLUSH_MS: LATER_MS });
      await using live = connectClient(gateway, { connectionParams: named('radio', '7') });
      live.subscribe('subscription Heard { published { title } }');
      // Its connection answers in turn: what came before has begun.
      await live.subscribe('query Best { authors { name } }').next();
    }
    const { output } = await repository.run('usage', 'Subscription.published', '--traffic', 'usage');
    expect(output).toMatch(/Heard of radio 7, usage\/usage-\d+\.ndjson:\d+:1, 1 times, /);
    expect((await repository.run('usage', 'Author.name', '--traffic', 'usage')).output).toContain('Best of radio 7');
    expect(await readdir(repository.usageFolder)).toEqual([`usage-${process.pid}.ndjson`]);
  });

  it('is not what stands in the way of a request, nor recorded where it is turned off', async () => {
    await using repository = await openRepository(library());
    {
      await using gateway = await startGateway(library(), { USAGE_DIR: repository.usageFolder, USAGE_RECORDING: '0' });
      expect((await gateway.run('{ books { title } }')).status).toBe(200);
    }
    expect(await repository.run('usage', 'Book.title', '--traffic', 'usage')).toMatchObject({
      status: 2,
      output: 'There is no file usage.\n',
    });
    const nowhere = startGateway(library(), { USAGE_RECORDING: '1' });
    await expect(nowhere).rejects.toThrow('USAGE_RECORDING: needs REDIS_URL or USAGE_DIR');
    const noFolder = startGateway(library(), { USAGE_DIR: path.join(repository.usageFolder, '../supergraph.yaml/x') });
    await expect(noFolder).rejects.toThrow('USAGE_DIR: ENOTDIR');
  });
});
