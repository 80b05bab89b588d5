import { createLog, createMetrics, createEventTelemetry } from '@taskgraph/service-kit';
import type { EventBus, NewEvent, PublishOutcome, RawSqlClient, TransactionalClient } from '@taskgraph/service-kit';
import { uuid7, type EventEnvelope } from '@taskgraph/contracts';
import type pg from 'pg';

export const log = createLog({ service: 'events', level: 'silent' });
export const telemetry = (metrics = createMetrics('events')) => createEventTelemetry(metrics);

/** What service-kit needs of a Prisma client, on a pool: the schemas belong to the subgraphs. */
export function rawClient(pool: pg.Pool): TransactionalClient<RawSqlClient & { readonly client: pg.PoolClient }> {
  return {
    async $transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('BEGIN');
        const outcome = await work({
          client,
          $executeRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rowCount ?? 0,
          $queryRawUnsafe: async <Rows>(sql: string, ...values: unknown[]) =>
            (await client.query(sql, values)).rows as Rows,
        });
        await client.query('COMMIT');
        return outcome;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        client.release();
      }
    },
  };
}

export interface RecordingBus extends EventBus {
  readonly published: EventEnvelope[];
  /** Subjects whose events it does not take. */
  readonly refused: Set<string>;
  /** Set to let it lose its memory. */
  forgot: boolean;
  /** Resolves when so many events have been published. */
  until(count: number): Promise<EventEnvelope[]>;
}

/** A transport that takes what it is given and tells a test of it. */
export function recordingBus(): RecordingBus {
  const published: EventEnvelope[] = [];
  const refused = new Set<string>();
  let stir: () => void = () => undefined;
  return {
    published,
    refused,
    forgot: false,
    async prepare(_source, onNew) {
      if (this.forgot) await onNew();
      this.forgot = false;
    },
    async publish(events): Promise<PublishOutcome> {
      const taken = events.filter(({ subject }) => !refused.has(subject));
      published.push(...taken);
      stir();
      const failed = events.filter(({ subject }) => refused.has(subject));
      return {
        published: taken.map(({ id }) => id),
        failed: new Map(failed.map(({ id }) => [id, new Error('refused')])),
      };
    },
    async until(count) {
      while (published.length < count) await new Promise<void>((resolve) => (stir = resolve));
      return published;
    },
    subscribe: () => Promise.reject(new Error('nobody subscribes here')),
    ping: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

export function detached(taskId: string, mediaId = uuid7()): NewEvent {
  return { type: 'task.media-detached.v1', subject: taskId, data: { taskId, mediaId } };
}
