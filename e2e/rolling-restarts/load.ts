import { setTimeout as delay } from 'node:timers/promises';

/** One request of the load, and what became of it. */
export interface Sample {
  readonly kind: string;
  /** Of `performance.now()`. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Null where it was answered as it should be. */
  readonly failure: string | null;
}

export interface Load extends AsyncDisposable {
  readonly samples: readonly Sample[];
  /** Waits until so many more requests of a kind have been answered well. */
  untilMore(kind: string, count: number): Promise<void>;
  /** Lets what is under way end. */
  stop(): Promise<void>;
}

export interface Client {
  readonly kind: string;
  /** How many do it at once. */
  readonly workers: number;
  readonly pauseMs: number;
  /** @throws when the answer is not what it should be */
  readonly run: () => Promise<void>;
}

/** Sends requests until it is stopped, each worker one after the other. */
export function startLoad(clients: readonly Client[]): Load {
  const samples: Sample[] = [];
  let stopped = false;
  const workers = clients.flatMap(({ kind, workers: count, pauseMs, run }) =>
    Array.from({ length: count }, async () => {
      while (!stopped) {
        const startedAt = performance.now();
        const failure = await run().then(() => null, describe);
        samples.push({ kind, startedAt, endedAt: performance.now(), failure });
        await delay(pauseMs);
      }
    }),
  );
  const answered = (kind: string) => samples.filter((sample) => sample.kind === kind && sample.failure === null).length;
  const stop = async () => {
    stopped = true;
    await Promise.all(workers);
  };
  return {
    samples,
    async untilMore(kind, count) {
      const enough = answered(kind) + count;
      while (answered(kind) < enough) await delay(20);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function describe(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause === undefined ? message : `${message}: ${cause.code ?? cause.message}`;
}
