import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { runCli } from '@taskgraph/schema-check';
import { library, startGatewayOn, startSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

/** A repository with the library's SDL, its subgraphs, and a registry beside it. */
async function openLibrary() {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-registry-'));
  const fakes = library();
  const started = await Promise.all(fakes.map(startSubgraph));
  const write = (file: string, text: string) => writeFile(path.join(folder, file), text);
  const run = async (...args: string[]) => {
    let output = '';
    const print = (text: string) => void (output += text);
    const status = await runCli({ args, cwd: folder, today: '2026-11-27', env: {}, print, printError: print });
    return { status, output };
  };
  const subgraphs = started.map(({ name, url }) => `  ${name}: { routing_url: '${url}', schema: ${name}.graphql }`);
  await write('supergraph.yaml', `subgraphs:\n${subgraphs.join('\n')}\n`);
  await write('schema-check.yaml', 'subgraphs: supergraph.yaml\nagainst: []\nlint: false\nregistry: registry\n');
  for (const { name, typeDefs } of fakes) await write(`${name}.graphql`, typeDefs);
  return {
    current: path.join(folder, 'registry/supergraph.graphql'),
    run,
    startGateway: (supergraphPath = path.join(folder, 'registry/supergraph.graphql'), settings = {}) =>
      startGatewayOn(
        { supergraphPath, subgraphs: Object.fromEntries(started.map((each) => [each.name, each])) },
        settings,
      ),
    async publish() {
      const { status, output } = await run('publish', '--by', 'ada@example.com');
      if (status !== 0) throw new Error(output);
    },
    async replace(name: string, from: string, to: string) {
      const text = await readFile(path.join(folder, `${name}.graphql`), 'utf8');
      if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
      await write(`${name}.graphql`, text.replace(from, to));
    },
    async [Symbol.asyncDispose]() {
      for (const subgraph of started) await subgraph.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for a fact. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(20);
}

async function hasField(gateway: GatewayUnderTest, type: string, field: string): Promise<boolean> {
  const { body } = await gateway.run(`{ __type(name: "${type}") { fields { name } } }`);
  const { fields } = body.data.__type as { fields: Array<{ name: string }> };
  return fields.some(({ name }) => name === field);
}

async function countReloads(gateway: GatewayUnderTest, outcome: string): Promise<number> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(new RegExp(`reloads_total\\{[^}]*outcome="${outcome}"[^}]*\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
}

/** Asks all the time, until it is told to stop. */
function askAllTheTime(gateway: GatewayUnderTest) {
  const failures: string[] = [];
  let answered = 0;
  let stops = false;
  const clients = Array.from({ length: 2 }, async () => {
    while (!stops) {
      const { status, body } = await gateway.run('{ books { title author { name } } }');
      answered += 1;
      if (status !== 200 || body.errors) failures.push(`${status} ${JSON.stringify(body)}`);
      // Leaves the processor to whoever loads the next version.
      await delay(5);
    }
  });
  return {
    async stop() {
      stops = true;
      await Promise.all(clients);
      expect(failures).toEqual([]);
      return answered;
    },
  };
}

describe('a gateway that follows the registry', () => {
  it('picks up what is published, and what is rolled back, without dropping a request', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    await using gateway = await repository.startGateway();
    const clients = askAllTheTime(gateway);

    await repository.replace('authors', 'born: Int', 'born: Int died: Int');
    await repository.publish();
    await until(() => hasField(gateway, 'Author', 'died'));

    expect((await repository.run('rollback', '--by', 'grace@example.com')).status).toBe(0);
    await until(async () => !(await hasField(gateway, 'Author', 'died')));
    expect(await clients.stop()).toBeGreaterThan(0);
    // It is counted when it serves.
    await until(async () => (await countReloads(gateway, 'ok')) === 2);
    expect((await repository.run('history')).output).toMatch(
      /^version 3 .* grace@example.com .* goes back to version 1 .*\nversion 2 .* ada@example.com .*\nversion 1 /,
    );
  });

  it('refuses a version that is damaged on its way, and goes on with the one before', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    await using gateway = await repository.startGateway();
    const whole = await readFile(repository.current, 'utf8');
    // It still is a supergraph: only its seal tells.
    const changed = whole.replaceAll('born: Int', 'born: Int\n  died: Int');
    expect(changed).not.toBe(whole);
    await writeFile(`${repository.current}.new`, changed);
    await rename(`${repository.current}.new`, repository.current);
    await until(async () => (await countReloads(gateway, 'refused')) > 0);
    expect(await hasField(gateway, 'Author', 'died')).toBe(false);
    expect((await gateway.run('{ books { title } }')).body.data.books).toHaveLength(3);

    // The registry has its own: whoever publishes again mends what gateways follow.
    await repository.replace('authors', 'born: Int', 'born: Int alive: Boolean');
    await repository.publish();
    await until(() => hasField(gateway, 'Author', 'alive'));
  });

  it('refuses a version that it cannot serve', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    await using gateway = await repository.startGateway();
    await writeFile(repository.current, 'type Query { nothing: Int }');
    await until(async () => (await countReloads(gateway, 'refused')) > 0);
    expect((await gateway.run('{ books { title } }')).body.data.books).toHaveLength(3);
  });

  it('goes on where the registry is gone, and takes what is published when it is back', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    await using gateway = await repository.startGateway();
    const clients = askAllTheTime(gateway);
    await rm(path.dirname(repository.current), { recursive: true });
    await until(async () => (await countReloads(gateway, 'refused')) > 0);
    expect(await hasField(gateway, 'Author', 'born')).toBe(true);
    await repository.replace('authors', 'born: Int', 'born: Int died: Int');
    await repository.publish();
    await until(() => hasField(gateway, 'Author', 'died'));
    expect(await clients.stop()).toBeGreaterThan(0);
  });

  it('does not start on a damaged version', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    await writeFile(repository.current, (await readFile(repository.current, 'utf8')).slice(0, -40));
    await expect(repository.startGateway()).rejects.toThrow(/SUPERGRAPH_PATH: .*damaged/);
  });
});

describe('a gateway that follows an address', () => {
  it('asks with the entity tag, swaps, goes on while nobody answers, and comes back', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    const statuses: number[] = [];
    let answer: (request: IncomingMessage) => Promise<{ status: number; text?: string; tag?: string }> = async (
      request,
    ) => {
      const text = await readFile(repository.current, 'utf8');
      const tag = `"${text.slice(0, 40)}"`;
      return request.headers['if-none-match'] === tag ? { status: 304 } : { status: 200, text, tag };
    };
    const normal = answer;
    const server = createServer((request, response) => {
      void answer(request).then(({ status, text, tag }) => {
        statuses.push(status);
        response.writeHead(status, tag === undefined ? {} : { etag: tag }).end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/supergraph.graphql?signature=secret`;
    try {
      await using gateway = await repository.startGateway(url);
      const clients = askAllTheTime(gateway);
      await until(async () => statuses.includes(304));
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);

      await repository.replace('authors', 'born: Int', 'born: Int died: Int');
      await repository.publish();
      await until(() => hasField(gateway, 'Author', 'died'));

      answer = async () => ({ status: 503 });
      await until(async () => (await countReloads(gateway, 'unreachable')) > 0);
      expect(await hasField(gateway, 'Author', 'died')).toBe(true);
      answer = async () => ({ status: 200, text: 'no supergraph', tag: '"odd"' });
      await until(async () => (await countReloads(gateway, 'refused')) > 0);

      answer = normal;
      expect((await repository.run('rollback', '--by', 'ada')).status).toBe(0);
      await until(async () => !(await hasField(gateway, 'Author', 'died')));
      await clients.stop();
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('waits at its start for an address that does not answer yet', async () => {
    await using repository = await openLibrary();
    await repository.publish();
    const text = await readFile(repository.current, 'utf8');
    let asked = 0;
    const server = createServer((request, response) => {
      asked += 1;
      // Nobody takes it, then nobody is ready, then it is there.
      if (asked === 1) request.destroy();
      else response.writeHead(asked === 2 ? 503 : 200).end(asked === 2 ? '' : text);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      await using gateway = await repository.startGateway(`http://127.0.0.1:${port}/supergraph.graphql`);
      expect(asked).toBeGreaterThanOrEqual(3);
      expect((await gateway.run('{ books { title } }')).body.data.books).toHaveLength(3);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('does not wait at its start for what is not there', async () => {
    await using repository = await openLibrary();
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      await expect(repository.startGateway(`http://127.0.0.1:${port}/wrong.graphql`)).rejects.toThrow(/answers 404/);
      expect(asked).toBe(1);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('does not start where nobody answers, and keeps what signs the address to itself', async () => {
    await using repository = await openLibrary();
    const start = repository.startGateway('http://127.0.0.1:1/supergraph.graphql?signature=secret', {
      SUPERGRAPH_LOAD_TIMEOUT_MS: '700',
    });
    const message = await start.then(
      () => '',
      (error: Error) => error.message,
    );
    expect(message).toMatch(/SUPERGRAPH_PATH: http:\/\/127\.0\.0\.1:1\/supergraph\.graphql cannot be read/);
    expect(message).not.toContain('secret');
  });
});
