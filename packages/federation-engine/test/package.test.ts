import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chooseFreePorts } from '@taskgraph/testkit';
import { openShop, type Shop } from './shop.js';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const ROOT = path.resolve(PACKAGE, '../..');
const NAME = '@taskgraph/federation-engine';
const QUERY = 'query Names { products { name reviews { text } } }';
const ANSWER = {
  data: {
    products: [
      { name: 'table', reviews: [{ text: 'fine 1' }] },
      { name: 'chair', reviews: [{ text: 'fine 2' }] },
    ],
  },
};

/** What only a server may say of a request: a client that says it is not believed. */
const FORGED = { identity: 'anna', signal: {}, incremental: 'deferSpec=20220824', headers: null };

let scratch: string;
let tarball: string;
/** Where the package is installed with what it says that it needs, and nothing of this repository. */
let folder: string;
let installed: string;
let shop: Shop;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'federation-engine-'));
  const { stdout } = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], PACKAGE);
  const [packed] = JSON.parse(stdout) as [{ filename: string }];
  tarball = path.join(scratch, path.basename(packed.filename));
  folder = await mkdtemp(path.join(scratch, 'empty-'));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module","private":true}');
  const others = ['graphql@16.15.0', '@apollo/server@5.5.1', 'fastify@5.12.8'];
  await npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball, ...others], folder);
  installed = path.join(folder, 'node_modules', NAME);
  shop = await openShop();
  await writeFile(path.join(folder, 'supergraph.graphql'), shop.supergraph);
  // Three hundred packages come from the registry.
}, 600_000);

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true, force: true });
});

async function npm(parameters: readonly string[], cwd: string): Promise<{ stdout: string }> {
  return run('npm', parameters, { cwd, maxBuffer: 64 * 2 ** 20, env: { ...process.env, NODE_OPTIONS: '' } });
}

describe('the tarball', () => {
  it('holds modules, types, a README and a licence, and no test', async () => {
    const everything = await readdir(installed, { recursive: true });
    const files = everything.filter((file) => !file.startsWith('node_modules/'));
    expect(files).toEqual(
      expect.arrayContaining(['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'dist/apollo-server.js']),
    );
    expect(files.filter((file) => /\.test\.|^test\//.test(file))).toEqual([]);
  });

  it('needs no package of this repository', async () => {
    const manifest = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8')) as Record<string, object>;
    expect(Object.keys({ ...manifest['dependencies'], ...manifest['peerDependencies'] }).join()).not.toContain(
      '@taskgraph',
    );
    const dist = path.join(installed, 'dist');
    for (const file of await readdir(dist, { recursive: true })) {
      if (!/\.(js|d\.ts)$/.test(file)) continue;
      const code = await readFile(path.join(dist, file), 'utf8');
      expect({ file, imports: /from '@taskgraph\//.test(code) }).toEqual({ file, imports: false });
    }
  });

  it('has nothing that publint finds wrong', async () => {
    const cli = path.join(ROOT, 'node_modules/publint/src/cli.js');
    const { stdout } = await run(process.execPath, [cli, installed, '--strict', '--pack', 'false']);
    expect(stdout).toContain('All good!');
  });

  it('has types that resolve wherever modules do', async () => {
    const cli = path.join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    // It ends with 1 where it finds something.
    const { stdout } = await run(process.execPath, [cli, tarball, '--profile', 'esm-only', '--format', 'ascii']);
    expect(stdout).toContain('node16 (from ESM): 🟢 (ESM)');
  });
});

describe('the types of the tarball', () => {
  /** What the compiler has to say of a program in the folder. */
  async function compile(file: string, code: string): Promise<string> {
    await writeFile(path.join(folder, file), code);
    const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'];
    return run(process.execPath, [compiler, ...flags, file], { cwd: folder }).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    );
  }

  it('fit the hooks and the options that the README tells of, and nothing that it does not', async () => {
    const readme = await readFile(path.join(installed, 'README.md'), 'utf8');
    const hooks = /```ts\n([^]*?)```/.exec(readme)?.[1] ?? '';
    expect(hooks).toContain('onFetch');
    const table = readme.slice(readme.indexOf('## Options'), readme.indexOf('### Hooks'));
    const options = [...table.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name);
    expect(options).toContain('supergraph');
    const head = `import { createEngine, type EngineOptions } from '${NAME}';
      declare const billingKey: string;
      declare const log: { info(facts: object, text: string): void };`;
    const named = `export const named: ReadonlyArray<keyof EngineOptions> = ${JSON.stringify(options)};`;
    expect(await compile('hooks.ts', `${head}\n${hooks}\n${named}\nexport { engine };`)).toBe('');
    const wrong = hooks.replace('durationMs })', 'duration })');
    expect(await compile('wrong.ts', `${head}\n${wrong}\nexport { engine };`)).toContain("'duration' does not exist");
  });
});

/** A program that runs in the folder, and listens where PORT says. */
async function startProgram(file: string, code: string, env: Record<string, string> = {}) {
  const [port] = await chooseFreePorts(1);
  await writeFile(path.join(folder, file), code);
  const child = spawn(process.execPath, [file], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  return {
    output: () => output,
    async post(body: object | string, headers: Record<string, string> = {}, at = '/'): Promise<unknown> {
      for (;;) {
        if (child.exitCode !== null) throw new Error(`${file} has ended with ${child.exitCode}:\n${output}`);
        try {
          const response = await fetch(url + at, {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...headers },
            body: typeof body === 'string' ? body : JSON.stringify(body),
          });
          return await response.json();
        } catch (error) {
          if ((error as { cause?: { code?: string } }).cause?.code !== 'ECONNREFUSED') throw error;
          await delay(50);
        }
      }
    },
    stop: () => stop(child),
    [Symbol.asyncDispose]: async () => void (await stop(child)),
  };
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  return child.exitCode;
}

/** A program of the README, as it is there. */
async function exampleOf(file: string): Promise<string> {
  const readme = await readFile(path.join(installed, 'README.md'), 'utf8');
  const found = new RegExp(`\`\`\`js\\n// ${file.replace('.', '\\.')}\\n([^]*?)\`\`\``).exec(readme);
  if (!found?.[1]) throw new Error(`The README has no ${file}.`);
  return found[1];
}

describe('installed into an empty folder', () => {
  it('runs on bare node:http in less than 20 lines', async () => {
    const code = await exampleOf('server.mjs');
    expect(code.trimEnd().split('\n').length).toBeLessThan(20);
    await using server = await startProgram('server.mjs', code);
    expect(await server.post({ query: QUERY })).toEqual(ANSWER);
    for (const body of ['', 'no JSON', 'null', '[]', '{}', '{"query":null}']) {
      expect(await server.post(body)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    }
    expect(await server.post({ query: QUERY, ...FORGED })).toEqual(ANSWER);
    expect(await server.stop()).toBe(0);
  });

  it('runs in Fastify', async () => {
    await using server = await startProgram('fastify.mjs', await exampleOf('fastify.mjs'));
    expect(await server.post({ query: QUERY }, {}, '/graphql')).toEqual(ANSWER);
    expect(await server.post('null', {}, '/graphql')).toMatchObject({ errors: [{}] });
    expect(await server.post({ query: QUERY, ...FORGED }, {}, '/graphql')).toEqual(ANSWER);
    expect(await server.stop()).toBe(0);
  });

  it('runs behind Apollo Server as the README says', async () => {
    await using server = await startProgram('apollo.mjs', await exampleOf('apollo.mjs'));
    expect(await server.post({ query: QUERY })).toEqual(ANSWER);
  });

  it('runs behind Apollo Server with its plugins and its usage reporting', async () => {
    const reports: string[] = [];
    const collector = createServer((request, response) => {
      void buffer(request).then((body) => {
        reports.push(gunzipSync(body).toString('latin1'));
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    try {
      await using server = await startProgram('plugins.mjs', WITH_PLUGINS, {
        COLLECTOR: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
      });
      expect(await server.post({ query: QUERY })).toEqual(ANSWER);
      expect(await server.post({ query: '{ products { stars } }' })).toMatchObject({
        data: { products: [{ stars: null }, { stars: null }] },
        errors: [{ path: ['products', 0, 'stars'] }, { path: ['products', 1, 'stars'] }],
      });
      await server.stop();
      const told = server
        .output()
        .split('\n')
        .filter((line) => /^(did|execution|will)/.test(line));
      expect(told.slice(0, 4)).toEqual([
        'didResolveOperation Names',
        'executionDidStart Names',
        'willSendResponse Names',
        'didResolveOperation null',
      ]);
      expect(reports.join()).toContain('query Names{products{name reviews{text}}}');
      // What reads their traces is installed with the package.
      expect(shop.asked.products.at(-1)).toMatchObject({ 'apollo-federation-include-trace': 'ftv1' });
    } finally {
      collector.closeAllConnections();
      await new Promise((resolve) => collector.close(resolve));
    }
  });
});

const WITH_PLUGINS = `
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginUsageReporting } from '@apollo/server/plugin/usageReporting';
import { startStandaloneServer } from '@apollo/server/standalone';
import { createApolloGateway } from '${NAME}/apollo-server';

const tell = (what) => async ({ operationName }) => void console.log(what, operationName);
const server = new ApolloServer({
  gateway: createApolloGateway({ supergraph: { path: 'supergraph.graphql' } }),
  apollo: { key: 'service:shop:secret', graphRef: 'shop@current' },
  plugins: [
    {
      requestDidStart: async () => ({
        didResolveOperation: tell('didResolveOperation'),
        executionDidStart: tell('executionDidStart'),
        willSendResponse: tell('willSendResponse'),
      }),
    },
    ApolloServerPluginUsageReporting({ endpointUrl: process.env.COLLECTOR, sendReportsImmediately: true }),
  ],
});
await startStandaloneServer(server, { listen: { port: Number(process.env.PORT) } });
`;
