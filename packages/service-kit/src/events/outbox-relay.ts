import { setTimeout as delay } from 'node:timers/promises';
import { databaseSession, type EventSource } from '@taskgraph/contracts';
import pg from 'pg';
import type { LiveFeed } from '../live-feed.js';
import type { Log } from '../log.js';
import type { EventBus } from './event-bus.js';
import type { EventTelemetry } from './event-telemetry.js';
import { OUTBOX_CHANNEL, OUTBOX_COLUMNS, toOutboxRow, type OutboxRow } from './outbox.js';
import { forgetOld, markUnpublished } from './outbox-upkeep.js';
import { createWakeUps } from './wake-ups.js';

interface OutboxRelayOptions {
  readonly source: EventSource;
  readonly connectionString: string;
  /** Null when no transport is configured: events wait in the outbox. */
  readonly bus: EventBus | null;
  readonly feed: LiveFeed;
  readonly log: Log;
  readonly telemetry: EventTelemetry;
  readonly timings?: Partial<RelayTimings>;
}

export interface RelayTimings {
  /** The safety net for notifications that do not come; also how soon another replica takes over. */
  readonly pollMs: number;
  readonly reconnectMs: number;
  /** Published events are kept for subscribers that resume, and for the operator. */
  readonly retentionMs: number;
  readonly tidyMs: number;
  /** How often an idle relay looks whether the transport still has what it needs. */
  readonly prepareMs: number;
}

export interface OutboxRelay {
  start(): void;
  /** Finishes the batch that is under way. */
  close(): Promise<void>;
}

const DEFAULT_TIMINGS: RelayTimings = {
  pollMs: 1_000,
  reconnectMs: 1_000,
  retentionMs: 24 * 60 * 60_000,
  tidyMs: 60_000,
  prepareMs: 15_000,
};
const BATCH = 500;
/** PostgreSQL keeps advisory locks of one and of two keys apart; this is of one. */
const RELAY_LOCK = 7_020;
const STATEMENT_TIMEOUT_MS = 10_000;
/**
 * When the host of a relay dies without a word, PostgreSQL keeps its connection, and with it the lock, until it has asked it in
 * vain: for two hours by default, in which nobody would relay. So it asks after ten seconds, three times.
 */
const NOTICE_SOON = `
  SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 25000`;
/** Of events that may have been committed while nobody listened. */
const RECENT = `interval '1 minute'`;

/**
 * Publishes what is in the outbox of one database, in the order of positions.
 *
 * Of all replicas one relays at a time: the one whose connection holds the advisory lock. When it dies, PostgreSQL ends the
 * connection and with it the lock, and another takes over at its next poll. Reading and marking go over the same connection,
 * so a relay that has lost the lock cannot mark either. A crash between publishing and marking publishes again: consumers handle an
 * id once.
 */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  const { source, bus, feed, log, telemetry } = options;
  const timings = { ...DEFAULT_TIMINGS, ...options.timings };
  const wakeUps = createWakeUps({ feed, retryMs: timings.reconnectMs, log });
  const stop = new AbortController();
  let running: Promise<void> | null = null;
  let wake: () => void = () => undefined;
  let dirty = true;
  let leads = false;
  /** Whether the transport is known to be ready; unknown at first, and after every failure. */
  let prepared = false;
  let preparedAt = 0;

  const stir = () => {
    dirty = true;
    wake();
  };

  /** Waits until there is something to do, for the time of a poll at most. */
  function untilStirred(): Promise<void> {
    if (dirty || stop.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, timings.pollMs);
      function done() {
        clearTimeout(timer);
        wake = () => undefined;
        resolve();
      }
      wake = done;
    });
  }

  const pause = () => delay(timings.reconnectMs, undefined, { signal: stop.signal }).catch(() => undefined);

  function onNotification({ payload = '' }: pg.Notification): void {
    // A feed of this process hears it here, whichever process relays; one that all processes share, once.
    if (leads || !feed.shared) {
      const at = payload.lastIndexOf(' ');
      wakeUps.add(payload.slice(0, at), payload.slice(at + 1));
    }
    if (leads) stir();
  }

  async function run(): Promise<void> {
    let failing = false;
    while (!stop.signal.aborted) {
      const client = new pg.Client({
        connectionString: databaseSession(options.connectionString),
        application_name: `taskgraph-${source}-relay`,
        connectionTimeoutMillis: 5_000,
        statement_timeout: STATEMENT_TIMEOUT_MS,
        query_timeout: STATEMENT_TIMEOUT_MS + 2_000,
        keepAlive: true,
      });
      let broken: Error | null = null;
      client.on('error', (error) => {
        broken = error;
        stir();
      });
      client.on('notification', onNotification);
      try {
        await client.connect();
        await client.query(NOTICE_SOON);
        await client.query(`LISTEN ${OUTBOX_CHANNEL}`);
        // What was committed while nobody listened here has woken nobody.
        if (!feed.shared) feed.missed();
        if (failing) log.info('the relay is connected again');
        failing = false;
        await relay(client, () => broken);
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'the relay has lost its database; events wait in the outbox');
        failing = true;
      } finally {
        leads = false;
        telemetry.relaying(false);
        await client.end().catch(() => undefined);
      }
      if (!stop.signal.aborted) await pause();
    }
  }

  async function relay(client: pg.Client, failure: () => Error | null): Promise<void> {
    let tidiedAt = 0;
    while (!stop.signal.aborted) {
      const broken = failure();
      if (broken) throw broken;
      dirty = false;
      if (!leads) await tryToLead(client);
      if (leads) {
        const drained = await drain(client);
        if (Date.now() - tidiedAt >= timings.tidyMs) {
          // What is left when there is much is forgotten at the next look: events that wait go first.
          if (await forgetOld(client, timings.retentionMs)) tidiedAt = Date.now();
        }
        if (!drained) {
          await pause();
          dirty = true;
        }
      }
      await untilStirred();
    }
  }

  async function tryToLead(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ leads: boolean }>('SELECT pg_try_advisory_lock($1) AS leads', [RELAY_LOCK]);
    leads = rows[0]?.leads === true;
    prepared = false;
    telemetry.relaying(leads);
    if (!leads) return;
    log.debug('this process relays the outbox');
    if (!bus) log.warn('no transport is configured (PUBSUB_PROJECT_ID): events wait in the outbox');
    if (feed.shared) await wakeRecent(client);
  }

  /** The relay before this one may have died between a commit and its wake-up. */
  async function wakeRecent(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ subject: string; position: string }>(
      `SELECT subject, max(position) AS position FROM outbox WHERE time > now() - ${RECENT} GROUP BY subject`,
    );
    for (const { subject, position } of rows) wakeUps.add(subject, position);
  }

  /** Publishes until nothing is left. Returns false when the transport failed: it is given time before the next try. */
  async function drain(client: pg.Client): Promise<boolean> {
    if (!bus) return true;
    if (!prepared && !(await prepare(client, bus))) return false;
    while (!stop.signal.aborted) {
      const rows = await readUnpublished(client);
      if (rows.length === 0) {
        telemetry.outboxDrained();
        if (Date.now() - preparedAt < timings.prepareMs) return true;
        // A relay that publishes nothing does not find out what somebody has deleted.
        prepared = false;
        if (!(await prepare(client, bus))) return false;
        continue;
      }
      telemetry.outboxWaiting(rows);
      const { published, failed } = await bus.publish(rows.map(({ event }) => event));
      if (published.length > 0)
        await client.query('UPDATE outbox SET published_at = now() WHERE id = ANY($1::uuid[])', [published]);
      telemetry.published(log, rows, published, failed);
      if (failed.size > 0) {
        prepared = false;
        return false;
      }
    }
    return true;
  }

  /**
   * A transport that has lost its memory (an emulator that was restarted, a topic that somebody deleted) gets everything
   * again that is still in the outbox, before anything new: groups know what they have handled.
   */
  async function prepare(client: pg.Client, transport: EventBus): Promise<boolean> {
    try {
      await transport.prepare(source, async () => {
        const count = await markUnpublished(client);
        if (count > 0) log.warn({ count }, 'the transport has forgotten: what is kept is published again');
      });
      prepared = true;
      preparedAt = Date.now();
    } catch (error) {
      telemetry.transportAway(log, error);
    }
    return prepared;
  }

  async function readUnpublished(client: pg.Client): Promise<OutboxRow[]> {
    const { rows } = await client.query(
      `SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT ${BATCH}`,
    );
    return rows.map((row) => toOutboxRow(source, row));
  }

  return {
    start() {
      running ??= run();
    },
    async close() {
      stop.abort();
      wake();
      await running;
      wakeUps.close();
    },
  };
}
