import { CircuitState, circuitBreaker, handleType, SamplingBreaker, type IBreaker } from 'cockatiel';
import type { CancelSignal } from '../request/cancellation.js';
import type { Log } from '../request/log.js';

/**
 * What one call says about the health of a service. `none`: nothing, because of its caller, or because of what was asked.
 * `suspect`: something may be wrong with the service, or with this call; only a question of one's own can tell.
 */
export type Verdict = 'failure' | 'none' | 'suspect';

/** Says what an outcome means for the health of the service. */
export interface Judge<Result> {
  error(error: unknown): Verdict;
  /** Whether a result is a success, or says nothing. */
  isSuccess(result: Result): boolean;
}

export interface CircuitOptions {
  /** Of the service; named in logs. */
  readonly name: string;
  readonly log: Log;
  /**
   * Asks the cheapest question there is, which no client has a part in. It decides where a call leaves it open who is to blame,
   * and whether an open circuit closes; it is asked in the background, so that a service is taken back without a client that waits for
   * it. Absent where clients have no part in any call: then the next call is the try.
   *
   * @throws when the service does not answer as it should
   */
  readonly probe?: () => Promise<unknown>;
  /** Share of failures that opens the circuit, percent. */
  readonly errorPercentage?: number | undefined;
  /** How long an open circuit refuses, at most, before it tries again. It tries after {@link FIRST_PAUSE_MS}, and waits twice as long each time. */
  readonly resetMs?: number | undefined;
  /** Told of everything that is no success. */
  readonly onVerdict?: ((verdict: 'failure' | 'none', error: unknown) => void) | undefined;
}

/** Leaves a service alone that fails, and finds out when it is back. */
export interface Circuit {
  /**
   * Calls the service.
   *
   * @throws what `call` throws, as soon as it throws it; CircuitOpenError when the service is left alone; the signal's reason
   */
  run<Result>(call: () => Promise<Result>, judge: Judge<Result>, signal?: CancelSignal): Promise<Result>;
  /** Whether the service is called as usual. Then a caller may call it by itself, and tell how that ended. */
  readonly isClosed: () => boolean;
  /** How often the circuit has opened: to be told with the end of a call, as it was at its beginning. */
  readonly openings: () => number;
  succeeded(begunAt: number): void;
  failed(error: unknown, verdict: Verdict, begunAt: number): void;
  readonly state: () => 'closed' | 'open' | 'half_open';
  /** Tries no more by itself. */
  close(): void;
}

/** The service has failed so often that it is not asked for a while. */
export class CircuitOpenError extends Error {
  constructor(name: string) {
    super(`the circuit to ${name} is open`);
    this.name = 'CircuitOpenError';
  }
}

/** The only errors that the breaker counts. */
class Failure extends Error {}

/** Most outages are restarts, and over soon. */
const FIRST_PAUSE_MS = 500;
const WINDOW_MS = 10_000;
/** Fewer calls than this in a window say nothing about a service's health. */
const VOLUME = 5;
const NEVER = new AbortController().signal;

/**
 * Creates the circuit breaker of a service.
 *
 * Outcomes are of three kinds: success, failure, and no verdict. A client that sends expensive requests, goes away before the answer,
 * or is refused, must not be able to open the circuit for everybody, nor to keep it closed. So a call that fails is judged; where
 * that leaves open who is to blame (no answer in time, a broken connection), the probe is asked, once for all calls that wait for it,
 * while the caller has its error already. Where there is a probe, nothing else closes an open circuit.
 *
 * A service that answers the probe may fail at all else. So a closed circuit is on trial until a call succeeds, or has not opened it for a
 * while. One that opens it in that time has proved nothing: the pauses go on from where they were, the next trial is over with the first
 * failure, and until one is passed the circuit is told to be half open.
 */
export function createCircuit(options: CircuitOptions): Circuit {
  const { name, log, probe, onVerdict, resetMs = 30_000, errorPercentage = 50 } = options;
  const outcomes = new SamplingBreaker({
    // Above a share: all calls have to fail where it is 100.
    threshold: Math.min(errorPercentage, 99.99) / 100,
    duration: WINDOW_MS,
    minimumRps: (VOLUME * 1_000) / WINDOW_MS,
  });
  const judged: IBreaker = {
    state: null,
    success: (state) => outcomes.success(state),
    failure: (state) => outcomes.failure(state) || (isOnTrial() && relapses > 0),
  };
  // When it is half open is decided here.
  const breaker = circuitBreaker(handleType(Failure), { halfOpenAfter: 0, breaker: judged });
  let trialUntil: number | null = null;
  /** Trials since the circuit opened that were not passed. */
  let relapses = 0;
  let isToldOpen = false;
  let openings = 0;
  let triesAt = 0;
  let pauseMs = 0;
  let isProbing = false;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;

  function isOnTrial(): boolean {
    if (trialUntil !== null && Date.now() >= trialUntil) passTrial();
    return trialUntil !== null;
  }

  function passTrial(): void {
    trialUntil = null;
    relapses = 0;
    if (!isToldOpen) return;
    isToldOpen = false;
    log.info({ subgraph: name }, 'circuit closed');
  }

  breaker.onBreak((reason) => {
    openings += 1;
    const isRelapse = isOnTrial();
    trialUntil = null;
    if (isRelapse) relapses += 1;
    pauseMs = Math.min(resetMs, isToldOpen || isRelapse ? 2 * pauseMs : FIRST_PAUSE_MS);
    triesAt = Date.now() + pauseMs;
    if (probe && !isOver) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        // A timer may come a moment before the clock has reached its time.
        triesAt = 0;
        void tryAgain(probe).catch(() => undefined);
      }, pauseMs).unref();
    }
    const cause = 'error' in reason ? reason.error.cause : undefined;
    if (isToldOpen) log.debug({ subgraph: name, err: cause }, 'circuit stays open');
    else log.warn({ subgraph: name, err: cause, resetMs }, 'circuit opened');
    isToldOpen = true;
  });
  breaker.onHalfOpen(() => log.debug({ subgraph: name }, 'circuit half open: the service is tried'));
  breaker.onReset(() => {
    // Where clients have no part in any call, a call was the try.
    if (!probe) return passTrial();
    trialUntil = Date.now() + WINDOW_MS;
    if (relapses > 0) return log.debug({ subgraph: name }, 'circuit on trial: the service answers a probe, as before');
    isToldOpen = false;
    log.info({ subgraph: name }, 'circuit closed');
  });

  /** @returns whether it was the service's fault; one probe is one failure, for however many calls */
  async function ask(): Promise<'failure' | 'none'> {
    if (!probe || isProbing) return 'none';
    isProbing = true;
    try {
      await probe();
      return 'none';
    } catch {
      return 'failure';
    } finally {
      isProbing = false;
    }
  }

  const isClosed = () => breaker.state === CircuitState.Closed;

  /** Of a call that began before the circuit opened nothing new is learnt, though the circuit may be closed again. */
  const isNews = (begunAt: number) => isClosed() && begunAt === openings;

  /** Past the breaker's own call: it wraps each in promises, and nearly all of them succeed. */
  function succeeded(begunAt: number): void {
    if (!isNews(begunAt)) return;
    outcomes.success(CircuitState.Closed);
    if (trialUntil !== null) passTrial();
  }

  /** Whose fault it was is found out without the caller. */
  async function settle(error: unknown, verdict: Verdict, begunAt: number): Promise<void> {
    const settled = verdict === 'suspect' ? await ask() : verdict;
    onVerdict?.(settled, error);
    if (settled !== 'failure' || !isNews(begunAt)) return;
    const failure = new Failure('the service failed', { cause: error });
    await breaker.execute(() => Promise.reject(failure)).catch(() => undefined);
  }

  const failed = (error: unknown, verdict: Verdict, begunAt: number) => void settle(error, verdict, begunAt);

  async function tryAgain<Result>(attempt: () => Promise<Result>): Promise<Result> {
    if (breaker.state !== CircuitState.Open || Date.now() < triesAt) throw new CircuitOpenError(name);
    return breaker.execute(async () => {
      try {
        return await attempt();
      } catch (error) {
        // Whatever it is, it is no reason to close the circuit.
        throw new Failure('the service failed', { cause: error });
      }
    });
  }

  return {
    state() {
      if (isClosed()) return isOnTrial() && relapses > 0 ? 'half_open' : 'closed';
      return breaker.state === CircuitState.HalfOpen || Date.now() >= triesAt ? 'half_open' : 'open';
    },
    close() {
      isOver = true;
      clearTimeout(timer);
    },
    isClosed,
    openings: () => openings,
    succeeded,
    failed,
    async run<Result>(
      call: () => Promise<Result>,
      judge: Judge<Result>,
      signal: CancelSignal = NEVER,
    ): Promise<Result> {
      signal.throwIfAborted();
      if (!isClosed()) {
        if (!probe) return tryWith(call);
        await unlessAborted(signal, tryAgain(probe).catch(toOpen));
      }
      const begunAt = openings;
      let result: Result;
      try {
        result = await call();
      } catch (error) {
        failed(error, judge.error(error), begunAt);
        throw error;
      }
      if (judge.isSuccess(result)) succeeded(begunAt);
      return result;
    },
  };

  async function tryWith<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await tryAgain(call);
    } catch (error) {
      throw error instanceof Failure ? error.cause : error;
    }
  }

  function toOpen(): never {
    throw new CircuitOpenError(name);
  }
}

/** Waits for work that goes on when nobody waits for it any more. */
function unlessAborted(signal: CancelSignal, work: Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
