import { AsyncResource } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { databaseSession } from '@taskgraph/contracts';
import pg from 'pg';
import type { Health } from './health.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { statementKind } from './sql-statements.js';
import { activeSpan } from './tracing/span.js';

interface PgPoolOptions {
  readonly connectionString: string;
  readonly max: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Shows in pg_stat_activity. */
  readonly applicationName: string;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Gets a check named `postgresql` when given. */
  readonly health?: Health;
}

type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: unknown) => void,
) => void;

/**
 * Creates a connection pool whose sessions are in UTC, that times every statement and survives a restart of PostgreSQL: a broken idle connection
 * is dropped and the next query opens another, and so is one that does not answer.
 */
export function createPgPool(options: PgPoolOptions): pg.Pool {
  const { metrics, log } = options;

  class TimedClient extends pg.Client {
    // Overloads of pg's query are many; the wrapper passes arguments through untouched.
    override query(...args: unknown[]): never {
      const { action, model } = statementKind(statementText(args[0]));
      const startedAt = performance.now();
      const span = activeSpan()?.child(model === 'none' ? action : `${action} ${model}`, {
        kind: 'client',
        attributes: { 'db.system.name': 'postgresql', 'db.operation.name': action, 'db.collection.name': model },
      });
      const observe = (error?: unknown) => {
        const seconds = (performance.now() - startedAt) / 1000;
        metrics.sqlDuration.observe(seconds, model, action, error ? 'error' : 'ok');
        if (error) span?.fail(error);
        span?.end();
        if (isReadTimeout(error)) this.#giveUp();
      };
      const callback = args.at(-1);
      if (typeof callback === 'function') {
        args[args.length - 1] = (error: unknown, ...results: unknown[]): unknown => {
          observe(error);
          return Reflect.apply(callback, undefined, [error, ...results]) as unknown;
        };
      }
      const answer: unknown = (super.query as (...inner: unknown[]) => unknown).apply(this, args);
      if (answer instanceof Promise) answer.then(() => observe(), observe);
      return answer as never;
    }

    /**
     * Ends the connection at once. The server is in the midst of a statement, perhaps of a transaction, of which nobody knows
     * any more how far it has come: what follows on this connection, such as a ROLLBACK, would wait behind it and be dropped, and
     * the next caller that gets it from the pool would go on with another one's transaction.
     */
    #giveUp(): void {
      const { stream } = (this as unknown as { readonly connection: { readonly stream: Socket } }).connection;
      stream.destroy();
    }
  }

  class TracedPool extends pg.Pool {
    // A caller that waits for a connection is called back by the one that releases it, and goes on in its own trace all the same.
    override connect(): Promise<pg.PoolClient>;
    override connect(callback: ConnectCallback): void;
    override connect(callback?: ConnectCallback): Promise<pg.PoolClient> | void {
      if (!callback) return super.connect();
      super.connect(activeSpan() === null ? callback : AsyncResource.bind(callback));
    }
  }

  const pool = new TracedPool({
    connectionString: databaseSession(options.connectionString),
    max: options.max,
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    // The client gives up a little later than the server, for the case that the server is gone.
    query_timeout: options.statementTimeoutMs + 2_000,
    idleTimeoutMillis: 30_000,
    application_name: options.applicationName,
    keepAlive: true,
    Client: TimedClient,
  });
  // Without a listener a connection that breaks while idle would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection broke'));

  const waiting = metrics.gauge('taskgraph_sql_pool_connections', 'Connections of the pool by state.', ['state']);
  (waiting as unknown as { collect: () => void }).collect = () => {
    waiting.set({ state: 'total' } as never, pool.totalCount);
    waiting.set({ state: 'idle' } as never, pool.idleCount);
    waiting.set({ state: 'waiting' } as never, pool.waitingCount);
  };
  options.health?.register('postgresql', async () => {
    await pool.query('SELECT 1');
  });
  return pool;
}

/** pg gives it no code. */
function isReadTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

function statementText(first: unknown): string {
  if (typeof first === 'string') return first;
  if (typeof first === 'object' && first !== null && 'text' in first) return String(first.text);
  return '';
}
