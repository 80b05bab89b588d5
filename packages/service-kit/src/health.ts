import { serviceVersion } from './version.js';

interface DependencyReport {
  /** `degraded`: it answers, and lacks something that not everybody needs. */
  readonly status: 'ok' | 'degraded' | 'unavailable';
  readonly critical: boolean;
  /** Of the check, which may have been made for a caller a moment before. */
  readonly latencyMs: number;
  readonly error?: string;
  /** What else is known of it, such as the state of its circuit breaker. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'unavailable' | 'draining';
  readonly version: string;
  /** Why it is not `ok`, in words. */
  readonly reasons: readonly string[];
  readonly dependencies: Readonly<Record<string, DependencyReport>>;
}

/** What a dependency lacks that answers all the same. */
export interface Degraded {
  readonly degraded: string;
}

/** @throws when the dependency is not there */
type HealthCheck = (signal: AbortSignal) => Promise<Degraded | void>;

interface HealthCheckOptions {
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
  /**
   * However many ask at once, and within a second, each dependency is asked once; one that has not answered the last time is not
   * asked again before it has. So probes cannot put load on what is in trouble already.
   */
  report(): Promise<HealthReport>;
}

const CHECK_TIMEOUT_MS = 2_000;
/** For which what a check has found is told to others as well. */
const FRESH_MS = 1_000;

type Finding = Pick<DependencyReport, 'status' | 'latencyMs' | 'error'>;

export function createHealth({ freshMs = FRESH_MS, timeoutMs = CHECK_TIMEOUT_MS } = {}): Health {
  const checks = new Map<
    string,
    { ask: () => Promise<Finding>; critical: boolean; details: HealthCheckOptions['details'] }
  >();
  let draining = false;

  return {
    register(name, check, { critical = true, details } = {}) {
      checks.set(name, { ask: askSeldom(check, { freshMs, timeoutMs }), critical, details });
    },
    unregister(name) {
      checks.delete(name);
    },
    drain() {
      draining = true;
    },
    async report() {
      const entries = await Promise.all(
        [...checks].map(async ([name, { ask, critical, details }]) => {
          const { status, ...more } = await ask();
          return [name, { status, critical, ...more, ...(details && { details: details() }) }] as const;
        }),
      );
      const troubles = entries.filter(([, { status }]) => status !== 'ok');
      const reasons = troubles.map(([name, { error }]) => `${name}: ${error ?? ''}`);
      const isUnavailable = troubles.some(([, { status, critical }]) => critical && status === 'unavailable');
      const status = draining ? 'draining' : isUnavailable ? 'unavailable' : troubles.length > 0 ? 'degraded' : 'ok';
      return {
        status,
        version: serviceVersion(),
        reasons: draining ? ['it is about to stop', ...reasons] : reasons,
        dependencies: Object.fromEntries(entries),
      };
    },
  };
}

/** Makes one check of those that are asked for at once, or soon after it. */
function askSeldom(
  check: HealthCheck,
  { freshMs, timeoutMs }: { readonly freshMs: number; readonly timeoutMs: number },
): () => Promise<Finding> {
  let last: Promise<Finding> | null = null;
  let freshUntil = Infinity;
  /** The check itself, which may go on when it has been given up. */
  let underWay: Promise<unknown> | null = null;

  async function ask(): Promise<Finding> {
    const startedAt = performance.now();
    const finding = underWay
      ? { status: 'unavailable' as const, error: `no answer, after more than ${timeoutMs} ms` }
      : await run();
    freshUntil = performance.now() + freshMs;
    return { latencyMs: Math.round(performance.now() - startedAt), ...finding };
  }

  async function run(): Promise<Omit<Finding, 'latencyMs'>> {
    const giveUp = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<never>((_resolve, reject) => {
      const error = new Error(`no answer within ${timeoutMs} ms`);
      timer = setTimeout(() => {
        giveUp.abort(error);
        reject(error);
      }, timeoutMs);
    });
    const answer = (async () => check(giveUp.signal))();
    underWay = answer;
    const over = () => (underWay = null);
    answer.then(over, over);
    try {
      const lacking = await Promise.race([answer, timedOut]);
      return lacking ? { status: 'degraded', error: lacking.degraded } : { status: 'ok' };
    } catch (error) {
      return { status: 'unavailable', error: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(timer);
    }
  }

  return () => {
    if (last && performance.now() < freshUntil) return last;
    freshUntil = Infinity;
    last = ask();
    return last;
  };
}
