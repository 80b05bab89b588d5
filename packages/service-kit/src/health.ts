export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'unavailable' | 'draining';
  readonly dependencies: Readonly<
    Record<
      string,
      {
        readonly status: 'ok' | 'unavailable';
        readonly critical: boolean;
        readonly latencyMs: number;
        readonly error?: string;
      }
    >
  >;
}

export type HealthCheck = (signal: AbortSignal) => Promise<void>;

/** What a process can say of itself and of what it depends on. */
export interface Health {
  /** A dependency that is `critical` takes readiness with it; another only degrades the report. */
  register(name: string, check: HealthCheck, options?: { readonly critical?: boolean }): void;
  /** From now on not ready: the process is about to stop. */
  drain(): void;
  report(): Promise<HealthReport>;
}

const CHECK_TIMEOUT_MS = 2_000;

export function createHealth(): Health {
  const checks = new Map<string, { check: HealthCheck; critical: boolean }>();
  let draining = false;

  return {
    register(name, check, { critical = true } = {}) {
      checks.set(name, { check, critical });
    },
    drain() {
      draining = true;
    },
    async report() {
      const entries = await Promise.all(
        [...checks].map(async ([name, { check, critical }]) => {
          const startedAt = performance.now();
          const error = await runCheck(check);
          const latencyMs = Math.round(performance.now() - startedAt);
          return [
            name,
            error === null
              ? { status: 'ok' as const, critical, latencyMs }
              : { status: 'unavailable' as const, critical, latencyMs, error },
          ] as const;
        }),
      );
      const failed = entries.filter(([, entry]) => entry.status === 'unavailable');
      const status = draining
        ? 'draining'
        : failed.some(([, entry]) => entry.critical)
          ? 'unavailable'
          : failed.length > 0
            ? 'degraded'
            : 'ok';
      return { status, dependencies: Object.fromEntries(entries) };
    },
  };
}

/** The message of what went wrong, null when nothing did. The check is given up, not only asked to stop, after its time. */
async function runCheck(check: HealthCheck): Promise<string | null> {
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
  const timedOut = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), {
      once: true,
    });
  });
  try {
    await Promise.race([check(signal), timedOut]);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
