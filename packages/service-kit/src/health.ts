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
        /** What else is known of it, such as the state of its circuit breaker. */
        readonly details?: Readonly<Record<string, unknown>>;
      }
    >
  >;
}

export type HealthCheck = (signal: AbortSignal) => Promise<void>;

export interface HealthCheckOptions {
  readonly critical?: boolean;
  readonly details?: () => Readonly<Record<string, unknown>>;
}

/** What a process can say of itself and of what it depends on. */
export interface Health {
  /** A dependency that is `critical` takes readiness with it; another only degrades the report. */
  register(name: string, check: HealthCheck, options?: HealthCheckOptions): void;
  /** What it depended on is no dependency any more. */
  unregister(name: string): void;
  /** From now on not ready: the process is about to stop. */
  drain(): void;
  report(): Promise<HealthReport>;
}

const CHECK_TIMEOUT_MS = 2_000;

export function createHealth(): Health {
  const checks = new Map<string, { check: HealthCheck; critical: boolean; details: HealthCheckOptions['details'] }>();
  let draining = false;

  return {
    register(name, check, { critical = true, details } = {}) {
      checks.set(name, { check, critical, details });
    },
    unregister(name) {
      checks.delete(name);
    },
    drain() {
      draining = true;
    },
    async report() {
      const entries = await Promise.all(
        [...checks].map(async ([name, { check, critical, details }]) => {
          const startedAt = performance.now();
          const error = await runCheck(check);
          const more = details ? { details: details() } : {};
          const latencyMs = Math.round(performance.now() - startedAt);
          return [
            name,
            error === null
              ? { status: 'ok' as const, critical, latencyMs, ...more }
              : { status: 'unavailable' as const, critical, latencyMs, error, ...more },
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
