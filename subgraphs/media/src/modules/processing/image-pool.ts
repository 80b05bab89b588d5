import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { WorkerAnswer } from './image-worker.js';
import type { ImageOutcome, ImageRequest } from './process-image.js';

/** Processes that decode images: what one dies of costs one image. */
export interface ImagePool {
  /** @throws ImageProcessDied when the process does not live until it has an answer */
  process(request: ImageRequest): Promise<ImageOutcome>;
  close(): Promise<void>;
}

export interface ImagePoolOptions {
  /** Of one image. */
  readonly timeoutMs: number;
  /** Of one process. */
  readonly maxMemoryBytes: number;
  readonly entry?: URL;
}

export class ImageProcessDied extends Error {
  constructor(how: string) {
    super(`The process of an image ${how}.`);
    this.name = 'ImageProcessDied';
  }
}

/** Compiled code, also where this file runs as it is written. */
const ENTRY = new URL('../../../dist/modules/processing/image-worker.js', import.meta.url);
/** Memory that a decoder loses is given back by then. */
const IMAGES_OF_A_PROCESS = 200;
const WATCH_MS = 100;
/** The process, which looks more often, comes first. */
const WATCH_FACTOR = 1.1;

/** Creates a pool that has as many processes as it is given images at once: the caller bounds how many. */
export function createImagePool({ timeoutMs, maxMemoryBytes, entry = ENTRY }: ImagePoolOptions): ImagePool {
  const idle: Array<{ readonly child: ChildProcess; images: number }> = [];
  const all = new Set<ChildProcess>();
  let isClosed = false;

  function start(): ChildProcess {
    // What its parent is given (secrets, inspectors, a test runner's options) is not for what decodes strangers' files.
    const child = fork(fileURLToPath(entry), [String(maxMemoryBytes)], {
      env: {},
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    all.add(child);
    child.once('close', () => {
      all.delete(child);
      const index = idle.findIndex((one) => one.child === child);
      if (index >= 0) idle.splice(index, 1);
    });
    child.on('error', () => child.kill('SIGKILL'));
    return child;
  }

  return {
    async process(request) {
      if (isClosed) throw new ImageProcessDied('is not there any more');
      const worker = idle.pop() ?? { child: start(), images: 0 };
      const { child } = worker;
      child.ref();
      child.channel?.ref();
      const { outcome, error, isWorn = false } = await ask(child, request, { timeoutMs, maxMemoryBytes });
      worker.images += 1;
      const isSpent = isWorn || worker.images >= IMAGES_OF_A_PROCESS;
      if (isSpent || (outcome?.kind === 'invalid' && outcome.reason === 'TOO_COMPLEX')) child.kill('SIGKILL');
      else {
        // One that waits for images does not keep the process that has it from ending.
        child.unref();
        child.channel?.unref();
        idle.push(worker);
      }
      if (!outcome) throw new Error(error ?? 'no answer');
      return outcome;
    },
    async close() {
      isClosed = true;
      await Promise.all(
        [...all].map((child) => {
          child.ref();
          const ended = new Promise((resolve) => child.once('close', resolve));
          child.kill('SIGKILL');
          return ended;
        }),
      );
    },
  };
}

function ask(
  child: ChildProcess,
  request: ImageRequest,
  { timeoutMs, maxMemoryBytes }: ImagePoolOptions,
): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void) => {
      clearTimeout(timer);
      clearInterval(watch);
      child.off('message', onMessage).off('close', onClose);
      how();
    };
    const onMessage = (answer: unknown) => settle(() => resolve(answer as WorkerAnswer));
    const onClose = (code: number | null, signal: string | null) =>
      settle(() => reject(new ImageProcessDied(`ended with ${signal ?? code}`)));
    const timer = setTimeout(() => {
      settle(() => reject(new ImageProcessDied(`took longer than ${timeoutMs} ms`)));
      child.kill('SIGKILL');
    }, timeoutMs);
    // A process that draws a document is at nothing else, and cannot look at its memory itself.
    const watch = setInterval(() => {
      void readResidentBytes(child.pid).then((bytes) => {
        if (bytes > maxMemoryBytes * WATCH_FACTOR)
          settle(() => resolve({ outcome: { kind: 'invalid', reason: 'TOO_COMPLEX' } }));
      });
    }, WATCH_MS);
    child.on('message', onMessage).once('close', onClose);
    child.send(request, (error) => {
      if (error) child.kill('SIGKILL');
    });
  });
}

/** 0 where the system does not tell (proc(5)). */
async function readResidentBytes(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
