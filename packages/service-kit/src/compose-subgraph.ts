import type { EventSource } from '@taskgraph/contracts';
import type pg from 'pg';
import { createClientInfoSigner } from './client-info.js';
import type { EventHandlers } from './events/consumer.js';
import { openEventTransport, type EventTransport } from './events/event-transport.js';
import { createOutboxReader, type OutboxReader, type RawSqlClient } from './events/outbox.js';
import { createServiceEvents } from './events/service-events.js';
import { createHealth, type Health } from './health.js';
import { readHttpServerConfig, type ServiceProcess } from './http-server.js';
import type { LiveFeed } from './live-feed.js';
import { createLog, type Log } from './log.js';
import { createMetrics, type Metrics } from './metrics.js';
import { createPeer, type Peer } from './peer.js';
import { createPgPool } from './pg-pool.js';
import { createPreparedReads, type PreparedReads } from './prepared-reads.js';
import { createRemoteVerifier } from './remote-verifier.js';
import type { RequestContext } from './request-context.js';
import { createRetentionWork, type RetentionRule } from './retention.js';
import {
  clientInfoSecrets,
  DOCUMENT_ROOM,
  documentLimits,
  maxOperationCost,
  operationsAddress,
  showsSchema,
  type SubgraphSettings,
} from './settings.js';
import { createSubgraph, type SubgraphOptions } from './subgraph.js';
import {
  createTokenVerifier,
  type JwksSource,
  type TokenVerifier,
  type TokenVerifierOptions,
} from './token-verifier.js';
import { openTracing } from './tracing/open-tracing.js';
import type { Tracing } from './tracing/span.js';
import { transactionTimes, type TransactionalClient, type TransactionTimes } from './transaction.js';

/** What a test, or a process of several services, puts in the place of the real part. */
export interface SubgraphParts {
  readonly log: Log;
  readonly jwks: JwksSource;
  readonly transport: EventTransport;
  /** Null traces nothing, whatever the settings say. */
  readonly tracing: Tracing | null;
  /** Gets the pool, to count the statements that go through it. */
  readonly onPool: (pool: pg.Pool) => void;
}

/** What every subgraph stands on. */
export interface SubgraphBase<Db> {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Null where nothing is traced. */
  readonly tracing: Tracing | null;
  readonly db: Db;
  /** Reads of the same database that pass its client by. */
  readonly reads: PreparedReads;
  /** Wakes the subscriptions that wait for events. */
  readonly feed: LiveFeed;
  /** Reads the events of this subgraph that have been. */
  readonly outbox: OutboxReader;
  /** Another subgraph. It is closed with this one. */
  readonly peer: (name: string, url: string) => Peer;
  /** Verifies tokens by what this address of auth tells of keys and of ended sessions, or by what is at hand. It is closed with the subgraph. */
  readonly verifier: (source: string | Pick<TokenVerifierOptions, 'jwks' | 'revocations'>) => TokenVerifier;
  /** What is opened last is closed first, when the last request has been answered. */
  readonly onClose: (close: () => Promise<void>) => void;
  /** Closes this with the subgraph, in the same order. */
  readonly keep: <Kept extends Closable>(kept: Kept) => Kept;
  /** The same for what works by itself, and begins when the subgraph listens. */
  readonly run: <Work extends Closable & { start(): void }>(work: Work) => Work;
}

interface Closable {
  close(): Promise<void>;
}

/** What a subgraph has of its own. */
export type SubgraphOwn<Context extends RequestContext> = Omit<
  SubgraphOptions<Context>,
  | 'name'
  | 'clientInfoSecrets'
  | 'documentLimits'
  | 'maxOperationCost'
  | 'config'
  | 'introspection'
  | 'log'
  | 'metrics'
  | 'health'
  | 'tracing'
  | 'onClose'
>;

interface SubgraphComposition<Context extends RequestContext, Client, Db extends TransactionalClient<Client>> {
  /** As in the supergraph; its events and its group of consumers are named so as well. */
  readonly name: EventSource;
  readonly config: SubgraphSettings & { readonly PEER_TIMEOUT_MS?: number | undefined };
  readonly port: number;
  readonly operationsPort: number | undefined;
  readonly databaseUrl: string;
  readonly createDb: (pool: pg.Pool, times: TransactionTimes) => Db;
  /** For events of others. */
  readonly handlers: EventHandlers<Client>;
  /** What is kept for a time, and no longer. */
  readonly retention: readonly RetentionRule[];
  readonly parts?: Partial<SubgraphParts> | undefined;
  readonly own: (base: SubgraphBase<Db>) => SubgraphOwn<Context> | Promise<SubgraphOwn<Context>>;
}

/**
 * Composes a subgraph: what each has, and what this one has of its own. Its database must be migrated. Where it cannot be composed,
 * what has been opened is closed.
 *
 * @throws what `own` throws
 */
export async function composeSubgraph<
  Context extends RequestContext,
  Client extends RawSqlClient,
  Db extends TransactionalClient<Client> & RawSqlClient & { $connect(): Promise<void>; $disconnect(): Promise<void> },
>(composition: SubgraphComposition<Context, Client, Db>): Promise<ServiceProcess> {
  const { name, config, port, databaseUrl, parts = {} } = composition;
  const log = parts.log ?? createLog({ service: name, level: config.LOG_LEVEL });
  const metrics = createMetrics(name);
  const health = createHealth();
  const tracing = parts.tracing === undefined ? await openTracing(name, config, { log, metrics }) : parts.tracing;
  const closing: Array<() => Promise<void>> = [];
  const onClose = (close: () => Promise<void>) => void closing.unshift(close);
  const keep = <Kept extends Closable>(kept: Kept) => {
    onClose(() => kept.close());
    return kept;
  };
  const starting: Array<() => void> = [];
  const run: SubgraphBase<Db>['run'] = (work) => {
    starting.push(() => work.start());
    return keep(work);
  };

  const pool = createPgPool({
    connectionString: databaseUrl,
    max: config.DB_POOL_MAX,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: `taskgraph-${name}`,
    metrics,
    log,
    health,
  });
  onClose(() => pool.end());
  parts.onPool?.(pool);
  const db = composition.createDb(pool, transactionTimes(config));
  onClose(() => db.$disconnect());

  const transport = keep(parts.transport ?? openEventTransport(config, { log, metrics }));
  const events = createServiceEvents({
    source: name,
    connectionString: databaseUrl,
    pool,
    db,
    ...transport,
    handlers: composition.handlers,
    log,
    metrics,
    health,
    tracing,
  });
  onClose(() => events.close());

  const sign = createClientInfoSigner(config.CLIENT_INFO_SECRET);
  const base: SubgraphBase<Db> = {
    log,
    metrics,
    health,
    tracing,
    db,
    reads: createPreparedReads(pool, config.DB_PREPARED_STATEMENTS),
    feed: transport.feed,
    outbox: createOutboxReader(pool, name),
    peer(peerName, url) {
      return keep(createPeer({ name: peerName, url, metrics, log, timeoutMs: config.PEER_TIMEOUT_MS, sign }));
    },
    verifier(source) {
      const expected = { issuer: config.TOKEN_ISSUER, audience: config.TOKEN_AUDIENCE };
      if (typeof source !== 'string') return createTokenVerifier({ ...source, ...expected });
      const { jwks } = parts;
      const { feed } = transport;
      const pollMs = config.REVOCATION_POLL_MS;
      return keep(createRemoteVerifier({ authUrl: source, jwks, ...expected, feed, pollMs, log, metrics }));
    },
    onClose,
    keep,
    run,
  };
  const intervalMs = config.RETENTION_INTERVAL_SECONDS * 1000;
  run(createRetentionWork({ db, rules: composition.retention, intervalMs, metrics, log }));
  try {
    // Loads the client's compiler of queries, which the first request would wait for otherwise. It asks the database nothing.
    await db.$connect();
    const own = await composition.own(base);
    return await createSubgraph<Context>({
      ...own,
      name,
      clientInfoSecrets: clientInfoSecrets(config),
      introspection: showsSchema(config),
      documentLimits: documentLimits(config, DOCUMENT_ROOM),
      maxOperationCost: maxOperationCost(config, DOCUMENT_ROOM),
      config: {
        ...readHttpServerConfig(config, port),
        operations: operationsAddress(config.OPERATIONS_HOST, composition.operationsPort),
      },
      log,
      metrics,
      health,
      tracing,
      async onListen(address) {
        events.start();
        await own.onListen?.(address);
        for (const start of starting) start();
      },
      onClose: closing,
    });
  } catch (error) {
    for (const close of closing) await close();
    await tracing?.close();
    throw error;
  }
}
