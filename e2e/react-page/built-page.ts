import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const EXAMPLE = fileURLToPath(new URL('../../examples/react/', import.meta.url));
const TYPES: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

export interface BuiltPage extends AsyncDisposable {
  readonly origin: string;
  /** Bundles the example for a gateway; until then nothing is served. */
  build(gatewayUrl: string, sessionIn?: 'tokens' | 'cookie'): Promise<void>;
}

/** Serves the React example, as its own build makes it, at an origin of its own. */
export async function serveBuiltPage(): Promise<BuiltPage> {
  const folder = await mkdtemp(path.join(tmpdir(), 'react-page-'));
  const server = createServer((request, response) => {
    const file = path.basename(request.url === '/' ? 'index.html' : (request.url ?? ''));
    readFile(path.join(folder, file)).then(
      (content) => response.setHeader('content-type', TYPES[file.split('.').at(-1) ?? ''] ?? '').end(content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async build(gatewayUrl, sessionIn = 'tokens') {
      // The runner's Node options are not for its tools.
      const env = { ...process.env, NODE_OPTIONS: '', GATEWAY_URL: gatewayUrl, SESSION_IN: sessionIn };
      await run(process.execPath, [path.join(EXAMPLE, 'build.mjs'), folder], { env });
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the compiler has to say of the example's types. */
export async function compileExample(): Promise<string> {
  const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
  return run(process.execPath, [compiler, '-p', EXAMPLE], { env: { ...process.env, NODE_OPTIONS: '' } }).then(
    ({ stdout }) => stdout,
    ({ stdout }: { stdout: string }) => stdout,
  );
}
