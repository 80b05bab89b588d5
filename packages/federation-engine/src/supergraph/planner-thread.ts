import { Fault } from '../request/fault.js';
import type { Log } from '../request/log.js';
import { createBoundedQueue } from '../request/fair-queue.js';
import type { GraphDescription, PlannerAnswer, PlannerQuestion } from './planner/planner-messages.js';
import { createRestartingWorker, type Death } from './restarting-worker.js';

export interface PlannerThreadOptions {
  readonly log: Log;
  /** Of one plan: an operation that takes longer costs the planner its life, so that others are planned. */
  readonly planTimeoutMs: number;
  /** Of one supergraph: one that takes longer is refused. */
  readonly loadTimeoutMs: number;
  /** Plans that may wait for each other; beyond that those of the client that has brought most are shed. */
  readonly maxWaiting: number;
  readonly onRestart: () => void;
  /** In the place of the planner's own code. */
  readonly entry?: URL;
}

/** The planner, in a thread of its own. It plans for the versions that it has been given, until they are released. */
export interface PlannerThread {
  /**
   * Adds a version, under a number that has not been used.
   *
   * @throws when the supergraph cannot be served, when it takes too long, when the planner dies of it again and again, and when it cannot start
   */
  load(version: number, supergraph: string): Promise<GraphDescription>;
  /**
   * Plans an operation. Clients take turns: one that brings many operations waits for itself.
   *
   * @param labels of `@override`, those that hold
   * @param client the client that it is planned for; the engine's own wishes are not shed
   * @throws when it cannot be planned; Fault UNAVAILABLE, also for a version that has been released
   */
  plan(
    version: number,
    text: string,
    operationName: string | undefined,
    labels?: readonly string[],
    client?: string,
  ): Promise<string>;
  /** Forgets a version. What has been asked before is still planned. */
  release(version: number): void;
  close(): Promise<void>;
}

/** An operation that is too expensive to plan. */
export class PlanTooExpensive extends Error {}

/** What the engine plans on its own account: what is in use, for a new supergraph. */
const OWN_CLIENT = '';

/** Compiled code, also where this file runs as it is written. */
const ENTRY = new URL('../../dist/supergraph/planner/planner-worker.js', import.meta.url);
/** Apollo's gateway tells its maker hourly what it runs on, and asks the clouds that it may run in. */
const ENV = { APOLLO_TELEMETRY_DISABLED: 'true' };
/** Threads that may die while a version waits to be loaded. */
const MAX_LOAD_TRIES = 3;

interface Version {
  readonly supergraph: string;
  /** Until it has been loaded once. */
  waiting: {
    readonly resolve: (description: GraphDescription) => void;
    readonly reject: (error: Error) => void;
    tries: number;
  } | null;
}

/** A plan that has not been sent to the thread yet. */
interface Waiting {
  readonly question: PlannerQuestion & { readonly kind: 'plan' };
  readonly asked: Asked;
}

interface Asked {
  readonly timeoutMs: number;
  readonly onLate: () => void;
  readonly onAnswer: (answer: PlannerAnswer) => void;
  /** The thread has died; a load is sent to the next one, a plan is asked for again by a caller that still wants it. */
  readonly onLost: (error: Error) => void;
}

/** Starts the thread. When it dies another one takes over, with the same versions. */
export function createPlannerThread(options: PlannerThreadOptions): PlannerThread {
  const { log, planTimeoutMs, maxWaiting, onRestart, entry = ENTRY } = options;
  const versions = new Map<number, Version>();
  /** What the thread has been asked, in the order in which it answers. */
  const asked = new Map<number, Asked>();
  /** The thread is given one plan at a time. */
  const waiting = createBoundedQueue<Waiting>(maxWaiting, OWN_CLIENT);
  let planning = 0;
  /** How many wait, by version: one that is released is kept by the thread until they have been sent. */
  const waitingFor = new Map<number, number>();
  let lastId = 0;
  let closed = false;
  /** Of what is being done now: one thing after the other. */
  let watch: { readonly id: number; readonly timer: NodeJS.Timeout } | null = null;
  const worker = createRestartingWorker({
    entry,
    env: ENV,
    log,
    onRestart,
    onStart: () => {
      for (const version of versions.keys()) sendLoad(version);
      sendNext();
    },
    onMessage: (message) => settle(message as PlannerAnswer),
    onDeath: survive,
  });
  worker.wake();

  function ask(question: PlannerQuestion, what: Asked): void {
    const id = (lastId += 1);
    asked.set(id, what);
    worker.hold(true);
    worker.post({ ...question, id });
    watchNext();
  }

  function sendNext(): void {
    if (planning > 0 || !worker.isUp()) return;
    const next = waiting.take();
    if (!next) return;
    planning += 1;
    leaveQueue(next, () => askToPlan(next));
  }

  /** Tells the thread of a release that has waited for this, once that has been done which it waits for. */
  function leaveQueue({ question: { version } }: Waiting, last: () => void = () => undefined): void {
    const left = (waitingFor.get(version) ?? 0) - 1;
    if (left > 0) waitingFor.set(version, left);
    else waitingFor.delete(version);
    last();
    if (left <= 0 && !versions.has(version)) worker.post({ kind: 'release', version });
  }

  function askToPlan(next: Waiting): void {
    const done = () => (planning -= 1);
    ask(next.question, {
      timeoutMs: next.asked.timeoutMs,
      onLate() {
        done();
        next.asked.onLate();
      },
      onAnswer(answer) {
        done();
        next.asked.onAnswer(answer);
        sendNext();
      },
      onLost(error) {
        done();
        next.asked.onLost(error);
      },
    });
  }

  function settle(answer: PlannerAnswer): void {
    const settled = asked.get(answer.id);
    asked.delete(answer.id);
    if (asked.size === 0) worker.hold(false);
    watchNext();
    settled?.onAnswer(answer);
  }

  /** Watches what is being done now. What goes before it, and what main itself keeps waiting, does not count. */
  function watchNext(): void {
    const [next] = asked;
    if (watch && watch.id === next?.[0]) return;
    if (watch) clearTimeout(watch.timer);
    watch = null;
    if (!next) return;
    const [id, { timeoutMs, onLate }] = next;
    const giveUp = () => {
      if (asked.delete(id)) onLate();
    };
    // An answer may have come while main was busy: it is read before the immediates run.
    const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
    timer.unref();
    watch = { id, timer };
  }

  function sendLoad(number: number): void {
    const version = versions.get(number);
    if (!version) return;
    const onAnswer = (answer: PlannerAnswer) => {
      if (versions.get(number) !== version) return;
      const { waiting } = version;
      if (answer.kind === 'loaded') {
        version.waiting = null;
        waiting?.resolve(answer.description);
      } else if (waiting) {
        versions.delete(number);
        waiting.reject(unexpected(answer));
      } else {
        // It has been loaded before: this thread is of no use.
        worker.end(unexpected(answer));
      }
    };
    const { loadTimeoutMs } = options;
    const onLate = () => {
      const fault = new Error(`The supergraph cannot be loaded within ${loadTimeoutMs} ms.`);
      log.error({ err: fault }, 'a supergraph takes too long to load; the planner is restarted');
      const { waiting } = version;
      if (!waiting) return worker.end(fault);
      if (versions.get(number) === version) versions.delete(number);
      waiting.reject(fault);
      worker.end();
    };
    const question = { kind: 'load', version: number, supergraph: version.supergraph } as const;
    ask(question, { timeoutMs: loadTimeoutMs, onLate, onAnswer, onLost: () => undefined });
  }

  function survive({ cause, pauseMs }: Death): boolean {
    waitingFor.clear();
    const lost = [...asked.values()];
    asked.clear();
    watchNext();
    for (const { onLost } of [...lost, ...waiting.takeAll().map(({ asked: plan }) => plan)])
      onLost(away('The planner was restarted. Try again.', 'RESTARTING', pauseMs));
    for (const [number, { waiting }] of versions) {
      if (!cause || !waiting || (waiting.tries += 1) < MAX_LOAD_TRIES) continue;
      versions.delete(number);
      waiting.reject(new Error(`The planner has died ${waiting.tries} times: ${cause.message}`, { cause }));
    }
    return versions.size > 0;
  }

  return {
    load(version, supergraph) {
      if (closed) return Promise.reject(closedError());
      return new Promise((resolve, reject) => {
        versions.set(version, { supergraph, waiting: { resolve, reject, tries: 0 } });
        // One that starts is given every version.
        if (worker.isUp()) sendLoad(version);
        else worker.wake();
      });
    },
    async plan(version, text, operationName, labels = [], client = OWN_CLIENT) {
      if (closed) throw closedError();
      if (!versions.has(version)) throw away('The graph has been replaced meanwhile. Try again.', 'REPLACED');
      if (!worker.isUp()) throw away('The planner is being restarted. Try again.', 'RESTARTING', worker.pauseMs());
      const answer = await new Promise<PlannerAnswer>((onAnswer, onLost) => {
        const onLate = () => {
          onLost(new PlanTooExpensive(`The operation cannot be planned within ${planTimeoutMs} ms.`));
          log.warn({ planTimeoutMs }, 'an operation takes too long to plan; the planner is restarted');
          worker.end();
        };
        const dropped = waiting.add(client, {
          question: { kind: 'plan', version, text, operationName, labels },
          asked: { timeoutMs: planTimeoutMs, onLate, onAnswer, onLost },
        });
        waitingFor.set(version, (waitingFor.get(version) ?? 0) + 1);
        if (dropped) leaveQueue(dropped);
        dropped?.asked.onLost(away('Too many new operations are being planned. Try again shortly.', 'OVERLOADED'));
        sendNext();
      });
      if (answer.kind !== 'planned') throw unexpected(answer);
      return answer.plan;
    },
    release(version) {
      const released = versions.get(version);
      if (!released) return;
      versions.delete(version);
      released.waiting?.reject(new Error('The version has been released.'));
      if (!waitingFor.has(version)) worker.post({ kind: 'release', version });
    },
    async close() {
      closed = true;
      for (const { onLost } of [...asked.values(), ...waiting.takeAll().map(({ asked: plan }) => plan)])
        onLost(closedError());
      for (const { waiting } of versions.values()) waiting?.reject(closedError());
      asked.clear();
      versions.clear();
      watchNext();
      await worker.close();
    },
  };
}

function away(message: string, reason: string, pauseMs = 0): Fault {
  return new Fault('UNAVAILABLE', message, {
    reason,
    extensions: { retryAfter: Math.max(1, Math.ceil(pauseMs / 1_000)) },
  });
}

export function closedError(): Fault {
  return new Fault('UNAVAILABLE', 'The planner is closed.');
}

/** What came in the place of what was asked for. */
function unexpected(answer: PlannerAnswer): Error {
  return new Error(answer.kind === 'failed' ? answer.message : `the planner answers with ${answer.kind}`);
}
