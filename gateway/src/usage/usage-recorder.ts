import {
  CLIENT_NAME_HEADER,
  CLIENT_VERSION_HEADER,
  fromZero,
  toProgramName,
  type Log,
  type Metrics,
} from '@taskgraph/service-kit';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { toNormalOperation, type CountedOperation, type NormalOperation } from './normal-operation.js';
import { OTHERS, UNKNOWN, type UsageCount, type UsageStore } from './usage-record.js';

export interface UsageRecorderOptions {
  readonly store: UsageStore;
  readonly flushMs: number;
  /** One operation of so many is counted, for all of them. */
  readonly sampleOneIn: number;
  /** Of what waits to be told: as many again without the name of their client, and no more. */
  readonly maxPending: number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now?: () => Date;
  /** From 0 to 1, to choose samples. */
  readonly random?: () => number;
}

/** Counts an operation that is run. It waits for nothing, and never throws. */
export type RecordUsage = (operation: CountedOperation, context: Pick<OperationContext, 'clientHeader'>) => void;

/** Counts which client asks for what. */
export interface UsageRecorder {
  /** Of clients that say who they are. */
  readonly record: RecordUsage;
  /** Of one that is known. */
  recordAs(client: string): RecordUsage;
  /** Tells what was counted since the last time. Never throws: what cannot be told is told the next time. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const MAX_NAME_CHARACTERS = 64;

type Pending = Omit<UsageCount, 'count'> & { count: number };

/**
 * Creates what counts usage. What an operation asks for is found out once, when it is counted first; each request after that is a look into
 * two maps.
 */
export function createUsageRecorder(options: UsageRecorderOptions): UsageRecorder {
  const { store, sampleOneIn, maxPending, log, now = () => new Date(), random = Math.random } = options;
  const { outcomes, flushes } = createUsageMetrics(options.metrics, () => pending.size);
  const normal = new WeakMap<CountedOperation, NormalOperation>();
  let pending = new Map<string, Pending>();
  let flushing: Promise<void> | null = null;

  function normalOf(operation: CountedOperation): NormalOperation {
    const known = normal.get(operation);
    if (known) return known;
    const made = toNormalOperation(operation);
    normal.set(operation, made);
    return made;
  }

  function count(client: string, version: string | null, { id, name, text }: NormalOperation, times: number): void {
    if (text === null) return outcomes.inc({ outcome: 'lost' }, times);
    const key = `${client}\n${version ?? ''}\n${id}`;
    const known = pending.get(key);
    if (known) {
      known.count += times;
      return;
    }
    if (pending.size >= maxPending && client !== OTHERS) {
      outcomes.inc({ outcome: 'unnamed' }, times);
      return count(OTHERS, null, { id, name, text }, times);
    }
    if (pending.size >= 2 * maxPending) return outcomes.inc({ outcome: 'lost' }, times);
    pending.set(key, { client, version, operation: { id, name, text }, count: times });
  }

  function recordFor(client: string | null): RecordUsage {
    return (operation, { clientHeader }) => {
      if (sampleOneIn > 1 && random() * sampleOneIn >= 1) return;
      try {
        const name = client ?? readName(clientHeader?.(CLIENT_NAME_HEADER)) ?? UNKNOWN;
        const version = client === null ? readName(clientHeader?.(CLIENT_VERSION_HEADER)) : null;
        count(name, version, normalOf(operation), sampleOneIn);
      } catch (error) {
        // What is counted of an operation is no reason to refuse it.
        log.error({ err: error }, 'usage of an operation cannot be counted');
      }
    };
  }

  async function tell(): Promise<void> {
    const told = pending;
    pending = new Map();
    try {
      const { unnamed, dropped } = await store.add([...told.values()], now());
      flushes.inc({ outcome: 'ok' });
      const total = [...told.values()].reduce((sum, each) => sum + each.count, 0);
      outcomes.inc({ outcome: 'ok' }, Math.max(0, total - dropped));
      if (unnamed > 0) outcomes.inc({ outcome: 'unnamed' }, unnamed);
      if (dropped > 0) outcomes.inc({ outcome: 'lost' }, dropped);
    } catch (error) {
      log.debug({ err: error }, 'usage is told later');
      flushes.inc({ outcome: 'error' });
      for (const { client, version, operation, count: times } of told.values())
        count(client, version, operation, times);
    }
  }

  async function flush(): Promise<void> {
    // A caller that comes while it is told waits, and what was counted meanwhile is told after that.
    while (flushing) await flushing;
    if (pending.size === 0) return;
    flushing = tell().finally(() => {
      flushing = null;
    });
    await flushing;
  }

  const timer = setInterval(() => void flush(), options.flushMs).unref();
  return {
    record: recordFor(null),
    recordAs: recordFor,
    flush,
    async close() {
      clearInterval(timer);
      await flush();
      await store.close();
    },
  };
}

/** What a client calls itself: of printable ASCII, and bounded. */
function readName(header: string | undefined): string | null {
  const name = toProgramName(header ?? '', MAX_NAME_CHARACTERS)?.replace(/[^\x20-\x7e]/gu, '?') ?? null;
  // What stands for those without a name is nobody's.
  return name === OTHERS ? null : name;
}

function createUsageMetrics(metrics: Metrics, pendingSize: () => number) {
  const waiting = metrics.gauge(
    'taskgraph_gateway_usage_pending',
    'Clients with their operations whose usage is counted in this process and not told yet.',
  );
  (waiting as unknown as { collect: () => void }).collect = () => waiting.set(pendingSize());
  return {
    outcomes: fromZero(
      metrics.counter(
        'taskgraph_gateway_usage_operations_total',
        'Operations whose usage was recorded (ok), counted without the name of their client (unnamed), or not kept (lost), for want of room.',
        ['outcome'],
      ),
      'outcome',
      ['ok', 'unnamed', 'lost'],
    ),
    flushes: fromZero(
      metrics.counter(
        'taskgraph_gateway_usage_flushes_total',
        'Times that usage was told to where it is kept (ok), or could not be (error).',
        ['outcome'],
      ),
      'outcome',
      ['ok', 'error'],
    ),
  };
}
