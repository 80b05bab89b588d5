import type { EventEmitter } from 'node:events';
import type pg from 'pg';
import { MigrationError } from './migration-error.js';
import { lineAt, splitStatements, type SqlStatement } from './sql-statements.js';

/** A script that is about to run, with what a message about it needs. */
export interface Script {
  /** Such as `auth/migrations/20260102030405_first/migration.sql`. */
  readonly label: string;
  readonly text: string;
}

/** These cannot run in a transaction block (PostgreSQL's manual says so of each). */
const OUTSIDE_TRANSACTIONS =
  /^((CREATE|DROP)( UNIQUE)? INDEX CONCURRENTLY|REINDEX .*CONCURRENTLY|VACUUM|ALTER SYSTEM|(CREATE|DROP|ALTER) DATABASE|(CREATE|DROP) TABLESPACE|(CREATE|DROP) SUBSCRIPTION|ALTER TABLE .*DETACH PARTITION.* CONCURRENTLY)\b/;
const TRANSACTION_CONTROL = /^(BEGIN|START TRANSACTION|COMMIT|END|ABORT|ROLLBACK(?! TO)|PREPARE TRANSACTION)\b/;

export type ScriptMode = 'transaction' | 'single-statement';

/**
 * Tells how a script has to run.
 *
 * @throws MigrationError UNSUITABLE_SCRIPT when it ends the transaction it runs in, or mixes statements that cannot run
 *   in a transaction with others
 */
export function chooseMode(script: Script): ScriptMode {
  const statements = splitStatements(script.text);
  const control = statements.find(({ head }) => TRANSACTION_CONTROL.test(head));
  if (control) {
    throw new MigrationError(
      'UNSUITABLE_SCRIPT',
      `${script.label}, line ${control.line}: ${control.head} ends or begins a transaction.`,
      {
        advice: 'Remove it: each script runs in a transaction of its own, so that a failure leaves nothing behind.',
      },
    );
  }
  const outside = statements.find(({ head }) => OUTSIDE_TRANSACTIONS.test(head));
  if (!outside) return 'transaction';
  if (statements.length === 1) return 'single-statement';
  throw new MigrationError(
    'UNSUITABLE_SCRIPT',
    `${script.label}, line ${outside.line}: ${outside.head} cannot run in a transaction, and the script holds other statements.`,
    {
      advice: 'Give that statement a migration of its own.',
    },
  );
}

/** Runs all statements of a script at once. @throws MigrationError SCRIPT_FAILED that names the line and the statement */
export async function runScript(client: pg.Client, script: Script, mode: ScriptMode): Promise<void> {
  // pg keeps the wire connection on the client; each finished statement is announced there.
  const wire = (client as unknown as { readonly connection: EventEmitter }).connection;
  let finished = 0;
  const count = () => {
    finished += 1;
  };
  wire.on('commandComplete', count);
  try {
    await client.query(script.text);
  } catch (error) {
    throw new MigrationError('SCRIPT_FAILED', describeFailure(script, finished, error), {
      cause: error,
      advice: adviceFor(error, mode),
    });
  } finally {
    wire.off('commandComplete', count);
  }
}

interface PostgresError {
  readonly message: string;
  readonly code?: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Characters from the beginning of what was sent, from 1. */
  readonly position?: string;
}

const MAX_EXCERPT_LINES = 6;

function describeFailure(script: Script, finishedStatements: number, error: unknown): string {
  const { message, code, detail, hint, position } = error as PostgresError;
  const statement: SqlStatement | undefined = splitStatements(script.text)[finishedStatements];
  const line = position === undefined ? statement?.line : lineAt(script.text, Number(position) - 1);
  const excerpt = statement ? statement.text.split('\n').slice(0, MAX_EXCERPT_LINES) : [];
  return [
    `${script.label}${line === undefined ? '' : `, line ${line}`}: ${message}${code === undefined ? '' : ` (${code})`}`,
    ...(detail ? [`Detail: ${detail}`] : []),
    ...(hint ? [`Hint: ${hint}`] : []),
    ...excerpt.map((text) => `    ${text}`),
  ].join('\n');
}

const LOCK_NOT_AVAILABLE = '55P03';
const UNSAFE_NEW_ENUM_VALUE = '55P04';

function adviceFor(error: unknown, mode: ScriptMode): string {
  const state =
    mode === 'transaction'
      ? 'The transaction was rolled back: the database is as it was before this script.'
      : 'The statement ran outside of a transaction: it may have left something behind, such as an invalid index.';
  return `${state} ${remedyFor(error)}`;
}

function remedyFor(error: unknown): string {
  switch ((error as PostgresError).code) {
    case LOCK_NOT_AVAILABLE:
      return 'Another session holds a lock on the table. Run it again when the database is quieter; pg_stat_activity tells who holds it.';
    case UNSAFE_NEW_ENUM_VALUE:
      return 'PostgreSQL lets a new enum value be used only after the transaction that adds it: give the addition a migration of its own.';
    default:
      return 'Correct the script and run it again.';
  }
}
