import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GUIDE = path.join(ROOT, 'docs/frontend.md');
const HOST = fileURLToPath(new URL('host.mjs', import.meta.url));
const GATEWAY_OF_THE_GUIDE = 'http://localhost:3000/graphql';
/** The runner's Node options are not for its tools. */
const ENV = { ...process.env, NODE_OPTIONS: '' };

/** A page that does what the guide says: a process that has its samples, compiled. */
export interface GuidePage extends AsyncDisposable {
  /** Calls a function of a sample. A `callback` among the arguments is told what it is called with. */
  call(file: string, name: string, ...args: unknown[]): Promise<any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- a test reads what it expects
  /** What a callback was called with last, each time. */
  told(callback: string): readonly unknown[];
  /** Resolves when a callback has been told what is waited for. */
  untilTold(callback: string, holds: (values: readonly unknown[]) => boolean): Promise<void>;
  /** The operations that were sent, by their names, with their variables. One may be sent by its hash first, and then whole. */
  readonly sent: Array<{ readonly name: string; readonly variables: string }>;
}

export interface Guide extends AsyncDisposable {
  readonly samples: readonly string[];
  /** What the compiler has to say. */
  readonly complaints: string;
  open(): GuidePage;
}

/** Writes the samples of the guide into a folder, generates and compiles as it says, with the gateway's address in place of the guide's. */
export async function prepareGuide(gatewayUrl: string): Promise<Guide> {
  const folder = await mkdtemp(path.join(tmpdir(), 'frontend-guide-'));
  const text = await readFile(GUIDE, 'utf8');
  const samples = [...text.matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```$/gm)].map(([, file = '', code = '']) => ({
    file,
    code,
  }));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module","private":true}');
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  for (const { file, code } of samples)
    await writeFile(path.join(folder, file), code.replace(GATEWAY_OF_THE_GUIDE, gatewayUrl));
  const bin = (file: string) => path.join(ROOT, 'node_modules', file);
  await run(process.execPath, [bin('@graphql-codegen/cli/cjs/bin.js'), '--config', 'codegen.ts'], {
    cwd: folder,
    env: ENV,
  });
  const flags = '--strict --skipLibCheck --target es2022 --module nodenext --types node --noUncheckedIndexedAccess';
  const files = samples.map(({ file }) => file);
  const complaints = await run(process.execPath, [bin('typescript/bin/tsc'), ...flags.split(' '), ...files], {
    cwd: folder,
    env: ENV,
  }).then(
    ({ stdout }) => stdout,
    ({ stdout }: { stdout: string }) => stdout,
  );
  return {
    samples: files,
    complaints,
    open: () => openPage(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly callback?: string;
  readonly value?: unknown;
  readonly sent?: { readonly name: string; readonly variables: string };
}

function openPage(folder: string): GuidePage {
  const child = spawn(process.execPath, [HOST, folder], { stdio: ['pipe', 'pipe', 'inherit'], env: ENV });
  const calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  const told = new Map<string, unknown[]>();
  const waiting = new Set<() => void>();
  const sent: GuidePage['sent'] = [];
  let ids = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    if (message.sent !== undefined) sent.push(message.sent);
    if (message.callback !== undefined) {
      told.set(message.callback, [...(told.get(message.callback) ?? []), message.value]);
      for (const look of waiting) look();
    }
    const call = calls.get(message.id ?? -1);
    if (!call) return;
    if (message.error !== undefined) call.reject(new Error(message.error));
    else call.resolve(message.result);
  });
  return {
    sent,
    call: (file, name, ...args) =>
      new Promise((resolve, reject) => {
        const id = (ids += 1);
        calls.set(id, { resolve, reject });
        child.stdin.write(`${JSON.stringify({ id, file, name, args })}\n`);
      }),
    told: (callback) => told.get(callback) ?? [],
    untilTold: (callback, holds) =>
      new Promise((resolve) => {
        const look = () => {
          if (!holds(told.get(callback) ?? [])) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
