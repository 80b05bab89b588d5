import { z } from 'zod';
import { CheckError } from './check-error.js';
import { isDay } from './day.js';
import type { Finding } from './finding.js';
import type { FileTree } from './sources/file-tree.js';
import { readYaml } from './sources/subgraph-sources.js';

const approvalsSchema = z.array(
  z.strictObject({
    /** Such as `FIELD_REMOVED`. */
    change: z.string().min(1),
    /** Such as `Task.description`. */
    coordinate: z.string().min(1),
    /** As findings name it; any where it is left out. */
    schema: z.string().min(1).optional(),
    reason: z.string().min(10),
    approvedBy: z.string().min(1),
    /** The last day on which it holds. */
    expires: z.string().refine(isDay, 'write a day that there is, as 2026-12-31'),
  }),
);

/** A breaking change that is meant, until a day. */
export type Approval = z.infer<typeof approvalsSchema>[number] & { readonly line: number };

/** Reads the approved changes: none where there is no file. @throws CheckError */
export function readApprovals(tree: FileTree, file: string | null): Approval[] {
  const text = file === null ? null : tree.read(file);
  if (file === null || text === null) return [];
  const approvals = approvalsSchema.safeParse(readYaml(text, file) ?? []);
  if (!approvals.success) throw new CheckError(`${file} approves nothing: ${z.prettifyError(approvals.error)}`);
  const lines = text.split('\n').flatMap((line, index) => (/^\s*-\s/.test(line) ? [index + 1] : []));
  return approvals.data.map((approval, index) => ({ ...approval, line: lines[index] ?? 1 }));
}

/**
 * Lets approved changes pass until their day, with what they do to the operations that they name. Tells of approvals that are
 * over, and of those that nothing needs any more.
 *
 * @param today as 2026-12-31
 */
export function approve(
  findings: readonly Finding[],
  approvals: readonly Approval[],
  { file, today }: { readonly file: string; readonly today: string },
): Finding[] {
  const used = new Set<Approval>();
  const broken = new Set<string>();
  const judged = findings.map((finding) => {
    if (finding.check !== 'changes' || finding.severity !== 'error') return finding;
    const given = approvals.filter(
      ({ change, coordinate, schema }) =>
        change === finding.code &&
        coordinate === finding.coordinate &&
        (schema === undefined || schema === finding.schema),
    );
    // One that was given again holds beside the one that is over.
    const approval = given.find(({ expires }) => today <= expires) ?? given[0];
    if (!approval) return finding;
    used.add(approval);
    const { reason, expires, approvedBy } = approval;
    if (today > expires)
      return { ...finding, message: `${finding.message} (its approval by ${approvedBy} ended on ${expires})` };
    for (const { operation, client } of finding.usedBy ?? []) broken.add(`${client}\0${operation}`);
    return { ...finding, severity: 'warning' as const, approval: { reason, expires } };
  });
  const accepted = judged.map((finding) => {
    const [user] = finding.usedBy ?? [];
    const isExplained = finding.code === 'INVALID_OPERATION' && user && broken.has(`${user.client}\0${user.operation}`);
    return isExplained ? { ...finding, severity: 'warning' as const } : finding;
  });
  const unneeded = approvals
    .filter((approval) => !used.has(approval))
    .map(({ change, coordinate, line }) => ({
      check: 'approvals' as const,
      code: 'UNUSED_APPROVAL',
      severity: 'notice' as const,
      message: `Nothing needs the approval of ${change} at ${coordinate} any more: take it out.`,
      coordinate,
      place: { file, line, column: 1 },
    }));
  return [...accepted, ...unneeded];
}
