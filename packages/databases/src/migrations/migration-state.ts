import type { HistoryRow } from './migration-history.js';
import { matchesChecksum, type Migration } from './migration-folder.js';

/** How the migrations on disk and the rows in the database relate. */
export interface MigrationState {
  /** In the order in which they were applied; `migration` is null when the folder does not have it. */
  readonly applied: ReadonlyArray<{ readonly row: HistoryRow; readonly migration: Migration | null }>;
  readonly pending: readonly Migration[];
  /** Applied, and the script was changed since. */
  readonly edited: readonly string[];
  /** Applied, and not in the folder. */
  readonly missing: readonly string[];
  /** Begun and neither finished nor declared as undone. */
  readonly failed: readonly HistoryRow[];
  /** Pending although a later one is applied, as after the merge of two branches. */
  readonly outOfOrder: readonly string[];
}

export function compareHistory(migrations: readonly Migration[], rows: readonly HistoryRow[]): MigrationState {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  const live = rows.filter((row) => row.rolledBackAt === null);
  const applied = live
    .filter((row) => row.finishedAt !== null)
    .map((row) => ({ row, migration: byName.get(row.name) ?? null }));
  const failed = live.filter((row) => row.finishedAt === null);
  const appliedNames = new Set(applied.map(({ row }) => row.name));
  const pending = migrations.filter(({ name }) => !appliedNames.has(name));
  const last = [...appliedNames].reduce((latest, name) => (name > latest ? name : latest), '');
  return {
    applied,
    pending,
    edited: applied
      .filter(({ row, migration }) => migration && !matchesChecksum(migration.script, row.checksum))
      .map(({ row }) => row.name),
    missing: applied.filter(({ migration }) => migration === null).map(({ row }) => row.name),
    failed,
    outOfOrder: pending.filter(({ name }) => name < last).map(({ name }) => name),
  };
}
