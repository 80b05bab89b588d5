import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import type { Guest, SharedPlanner } from '@taskgraph/federation-engine/internal/supergraph/shared-planner.js';
import {
  ConfigError,
  createMergedMetrics,
  createOperationsServer,
  type Health,
  type HealthReport,
  type Log,
  type LogLevel,
  type Metrics,
  type OperationsAddress,
  type Runnable,
} from '@taskgraph/service-kit';
import type { Answers, FromWorker, ToWorker } from './worker-messages.js';

interface PrimaryOptions {
  readonly count: number;
  readonly planner: SharedPlanner;
  readonly operations: OperationsAddress;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly shutdownGraceMs: number;
  /** What workers seal for each other with; made up when none is set. */
  readonly eventSourceSecret: string | undefined;
}

/** A worker that runs. */
interface Running {
  readonly worker: Worker;
  readonly guest: Guest;
  /** Since when it has taken requests; null before. */
  servesSince: number | null;
  readonly asked: Map<number, (answer: Answers[keyof Answers] | null) => void>;
}

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;
/** Taken by the system, mostly for memory; a full heap; a fault of native code; a defect; a start that failed. */
const LIKELY_CAUSES = ['SIGKILL', 'SIGABRT', 'SIGSEGV', 'exit 70', 'exit 1'];
/** Longer than a worker waits for what it depends on, and shorter than the health check here waits for this. */
const ANSWER_TIMEOUT_MS = 3_000;
/** One death may be by chance: another worker starts at once. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** A worker that has served as long dies for another reason than the one before. */
const STEADY_MS = 30_000;

/**
 * Runs workers, which serve at one port, each with everything but a planner and a watch of the supergraph: these are here, for all.
 *
 * A worker that ends is replaced, at once or, when several have ended in a row, after a pause. The operations port is answered here,
 * for all of them together.
 */
export function createPrimary(options: PrimaryOptions): Runnable {
  const { count, planner, health, metrics, log } = options;
  const workers = new Map<number, Running>();
  const merged = createMergedMetrics();
  const serving = metrics.gauge('taskgraph_gateway_workers', 'Workers of this gateway that take requests.');
  const exits = metrics.counter(
    'taskgraph_gateway_worker_exits_total',
    'Workers that have ended though nobody had told the gateway to, by exit code or signal.',
    ['cause'],
  );
  // A counter that appears with the first exit has not grown, for an alert on growth.
  for (const cause of LIKELY_CAUSES) exits.inc({ cause }, 0);
  const eventSourceSecret = options.eventSourceSecret ?? randomBytes(32).toString('base64url');
  const pauses = new Set<NodeJS.Timeout>();
  let deaths = 0;
  let lastId = 0;
  let hasStarted = false;
  let stopping = false;
  let onEnd: () => void = () => undefined;
  const { level: configuredLevel } = log;

  const post = (worker: Worker, message: ToWorker) =>
    void (worker.isConnected() && worker.send(message, () => undefined));

  /** @throws when it ends before it serves */
  function start(): Promise<void> {
    const worker = cluster.fork({ EVENT_SOURCE_SECRET: eventSourceSecret });
    const guest = planner.welcome((message) => post(worker, { kind: 'planner', message }));
    const running: Running = { worker, guest, servesSince: null, asked: new Map() };
    workers.set(worker.id, running);
    if (log.level !== configuredLevel) post(worker, { kind: 'log level', level: log.level as LogLevel });
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'planner') guest.take(message.message);
        else if (message.kind === 'answer') running.asked.get(message.id)?.(message.answer);
        else if (message.kind === 'serving') {
          running.servesSince = performance.now();
          countServing();
          resolve();
        }
      });
      worker.once('error', (error) => reject(error));
      worker.once('exit', (code, signal) => {
        ended(running, signal ?? `exit ${code}`);
        reject(
          code === EXIT_CONFIG
            ? new ConfigError(['a worker cannot use it: see above'])
            : new Error(`a worker ended with ${signal ?? code}`),
        );
      });
    });
  }

  function countServing(): void {
    serving.set([...workers.values()].filter(({ servesSince }) => servesSince !== null).length);
  }

  function ended(running: Running, cause: string): void {
    const { worker, guest, asked, servesSince } = running;
    workers.delete(worker.id);
    guest.leave();
    merged.leave(worker.id);
    countServing();
    for (const settle of asked.values()) settle(null);
    if (workers.size === 0) onEnd();
    // At the start, that is a reason not to start.
    if (stopping || (!hasStarted && servesSince === null)) return;
    exits.inc({ cause });
    const wasSteady = servesSince !== null && performance.now() - servesSince > STEADY_MS;
    deaths = wasSteady ? 1 : deaths + 1;
    const pauseMs = deaths > 1 ? Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (deaths - 2)) : 0;
    log.error(
      { worker: worker.id, workerPid: worker.process.pid, cause, pauseMs },
      'a worker has ended; another takes its place',
    );
    const pause = setTimeout(() => {
      pauses.delete(pause);
      start().catch((error: unknown) => log.error({ err: error }, 'a worker could not be started'));
    }, pauseMs);
    pauses.add(pause);
  }

  /** Null when it does not answer, or not in time. */
  function ask<About extends keyof Answers>({ worker, asked }: Running, about: About): Promise<Answers[About] | null> {
    return new Promise((resolve) => {
      const id = (lastId += 1);
      const settle = (answer: Answers[keyof Answers] | null) => {
        clearTimeout(timer);
        asked.delete(id);
        resolve(answer as Answers[About] | null);
      };
      const timer = setTimeout(() => settle(null), ANSWER_TIMEOUT_MS);
      asked.set(id, settle);
      post(worker, { kind: 'ask', id, about });
    });
  }

  /** Of those that serve: a worker that starts answers nothing yet. */
  function askAll<About extends keyof Answers>(about: About) {
    const asked = [...workers.values()].filter(({ servesSince }) => servesSince !== null);
    return Promise.all(asked.map(async (running) => [running.worker.id, await ask(running, about)] as const));
  }

  let reports: ReadonlyArray<readonly [number, HealthReport | null]> = [];
  health.register(
    'workers',
    async () => {
      reports = await askAll('health');
      const ready = reports.filter(([, report]) => report?.status === 'ok' || report?.status === 'degraded');
      const troubles = tellTogether(reports);
      if (ready.length === 0) throw new Error(['none is ready', ...troubles].join('; '));
      if (reports.length < count) troubles.unshift(`${reports.length} of ${count} serve`);
      return troubles.length > 0 ? { degraded: troubles.join('; ') } : undefined;
    },
    { details: () => Object.fromEntries(reports) },
  );

  const registry = {
    contentType: metrics.registry.contentType,
    async metrics() {
      for (const [id, values] of await askAll('metrics')) if (values && workers.has(id)) merged.tell(id, values);
      return merged.text(await metrics.registry.getMetricsAsJSON());
    },
  };
  const operations = createOperationsServer(options.operations, { health, metrics: { registry }, log });
  log.on('level-change', (level) => {
    for (const { worker } of workers.values()) post(worker, { kind: 'log level', level: level as LogLevel });
  });

  async function shutDown(): Promise<void> {
    stopping = true;
    health.drain();
    for (const pause of pauses) clearTimeout(pause);
    const allEnded = new Promise<void>((resolve) => (onEnd = resolve));
    for (const { worker } of workers.values()) post(worker, { kind: 'stop' });
    if (workers.size > 0) await allEnded;
    await planner.close();
    // Until now, so that the end can be watched.
    await operations.close();
    log.info('stopped');
  }

  let closing: Promise<void> | null = null;
  return {
    log,
    shutdownGraceMs: options.shutdownGraceMs,
    async listen() {
      cluster.setupPrimary({ serialization: 'advanced' });
      await Promise.all(Array.from({ length: count }, () => start()));
      hasStarted = true;
      const url = await operations.listen();
      log.info({ url, workers: count }, 'listening for operators; all workers serve');
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** What several workers say is told once. */
function tellTogether(reports: ReadonlyArray<readonly [number, HealthReport | null]>): string[] {
  const saidBy = new Map<string, number[]>();
  for (const [id, report] of reports)
    for (const reason of report?.reasons ?? ['no answer']) saidBy.set(reason, [...(saidBy.get(reason) ?? []), id]);
  return [...saidBy].map(([reason, ids]) => `${reason} (worker ${ids.join(', ')})`);
}
