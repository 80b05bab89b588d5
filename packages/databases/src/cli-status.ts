import type { SchemaFindings } from './migrations/inspect-database.js';
import type { MigrationState } from './migrations/migration-state.js';

export interface StatusReport {
  readonly lines: readonly string[];
  /** Whether there is nothing to do. */
  readonly inOrder: boolean;
}

/** Puts the state of one database in words. `findings` is null when the schema could not be compared. */
export function reportStatus(name: string, state: MigrationState, findings: SchemaFindings | null): StatusReport {
  const lines = [`${name}: ${state.applied.length} applied, ${state.pending.length} pending`];
  for (const { row } of state.applied) {
    const faults = [
      state.edited.includes(row.name) && 'EDITED after it was applied',
      state.missing.includes(row.name) && 'NOT IN THE FOLDER',
    ].filter(Boolean);
    const when = row.finishedAt?.toISOString().slice(0, 19).replace('T', ' ') ?? '';
    lines.push(
      `  ${faults.length > 0 ? '!' : '✓'} ${row.name}  applied ${when} UTC${faults.map((fault) => `  ${fault}`).join('')}`,
    );
  }
  for (const { name: pending } of state.pending) {
    const failed = state.failed.find((row) => row.name === pending);
    lines.push(
      `  ${failed ? '!' : '·'} ${pending}  ${failed ? 'FAILED outside of a transaction' : 'pending'}${state.outOfOrder.includes(pending) ? ', older than what is applied' : ''}`,
    );
  }
  lines.push(...describeFindings(name, findings));
  const inOrder =
    state.pending.length + state.edited.length + state.missing.length + state.failed.length === 0 &&
    (findings === null || (findings.drift === null && findings.unmigrated === null));
  return { lines, inOrder };
}

/** The same for programs. */
export function toStatusRecord(state: MigrationState, findings: SchemaFindings | null): object {
  const names = (rows: ReadonlyArray<{ readonly name: string }>) => rows.map(({ name }) => name);
  return {
    applied: names(state.applied.map(({ row }) => row)),
    pending: names(state.pending),
    edited: state.edited,
    missing: state.missing,
    failed: names(state.failed),
    drift: findings?.drift ?? null,
    unmigrated: findings?.unmigrated ?? null,
    driftLookedFor: findings !== null,
  };
}

function describeFindings(name: string, findings: SchemaFindings | null): string[] {
  if (!findings)
    return [
      '  Drift was not looked for: that needs the applied scripts unchanged, and a user who may create a scratch database.',
    ];
  const lines: string[] = [];
  if (findings.drift !== null) {
    lines.push(
      '  ! DRIFT: somebody changed the database without a migration. It differs from its migrations by:',
      ...indent(findings.drift),
    );
  }
  if (findings.unmigrated !== null) {
    lines.push(
      `  ! schema.prisma has changes without a migration (npm run migrate -- ${name} create <name> writes it):`,
      ...indent(findings.unmigrated),
    );
  }
  return lines.length > 0 ? lines : ['  No drift; schema.prisma and the migrations agree.'];
}

function indent(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) => `      ${line}`);
}
