import cluster from 'node:cluster';
import type { GuestMessage, HostMessage } from '@taskgraph/federation-engine/internal/supergraph/planner-sharing.js';
import { changeLogLevel, type Health, type Log, type Metrics } from '@taskgraph/service-kit';
import type { Answers, FromWorker, ToWorker } from './worker-messages.js';

/** What a worker has to do with its primary. */
interface WorkerLink {
  /** Sends to the planner that all workers share. */
  askPlanner(message: GuestMessage): void;
  onPlanner(take: (message: HostMessage) => void): void;
  /** Says that requests are taken. From here on a primary that is gone is a reason to finish what is under way, and to end. */
  serve(): void;
  /** Resolves when the primary says that it is time to end. */
  readonly stopped: Promise<void>;
}

interface WorkerLinkOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** Connects a worker to its primary, and answers what that asks. */
export function connectToPrimary({ log, metrics, health }: WorkerLinkOptions): WorkerLink {
  let take: (message: HostMessage) => void = () => undefined;
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));

  // A primary that is gone is not told anything: `disconnect` says so.
  const post = (message: FromWorker) => void process.send?.(message, undefined, undefined, () => undefined);

  async function answer(about: keyof Answers): Promise<Answers[keyof Answers]> {
    return about === 'metrics' ? metrics.registry.getMetricsAsJSON() : health.report();
  }

  // There may be nothing else to wait for until it has told of the supergraph.
  process.channel?.ref();
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'planner') take(message.message);
    else if (message.kind === 'log level') changeLogLevel(log, message.level);
    else if (message.kind === 'stop') stop();
    else if (message.kind === 'ask') {
      const { id, about } = message;
      answer(about).then(
        (found) => post({ kind: 'answer', id, answer: found }),
        (error: unknown) => log.error({ err: error, about }, 'the primary is not told'),
      );
    }
  });
  return {
    askPlanner: (message) => post({ kind: 'planner', message }),
    onPlanner(taken) {
      take = taken;
    },
    serve() {
      // Node would end a worker at once whose primary is gone, with all that is under way.
      if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
      post({ kind: 'serving' });
    },
    stopped,
  };
}
