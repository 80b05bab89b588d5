import { fork, type ChildProcess } from 'node:child_process';
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
      const { outcome, error, isWorn = false } = await ask(child, request, timeoutMs);
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

function ask(child: ChildProcess, request: ImageRequest, timeoutMs: number): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void) => {
      clearTimeout(timer);
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
    child.on('message', onMessage).once('close', onClose);
    child.send(request, (error) => {
      if (error) child.kill('SIGKILL');
    });
  });
}
