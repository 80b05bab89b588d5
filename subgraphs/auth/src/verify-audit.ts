import { readCommandConfig } from './config.js';
import { verifyAudit } from './modules/audit/verify.js';
import { runCommand } from './run-command.js';

/** A row that the process has logged: a log that was made anew as a whole has another one there. */
export interface ExpectedRow {
  readonly position: string;
  /** Hex. */
  readonly hash: string;
}

/** `taskgraph audit verify [--expect <position>:<hash>]`: follows the chain of the audit log. Returns 0 when it holds, 1 when not. */
export function verifyAuditLog({
  expect,
  json,
}: {
  readonly expect: ExpectedRow | null;
  readonly json: boolean;
}): Promise<number> {
  const say = (holds: boolean, position: bigint | string, text: string, hash?: string): number => {
    const answer = json ? JSON.stringify({ holds, position: String(position), ...(hash && { hash }), text }) : text;
    process.stdout.write(`${answer}\n`);
    return holds ? 0 : 1;
  };
  return runCommand('verify-audit', readCommandConfig, async ({ db }) => {
    const { last, fault } = await verifyAudit(db);
    if (fault)
      return say(false, fault.position, `The audit log does not hold at position ${fault.position}: ${fault.what}.`);
    if (expect !== null) {
      const { position, hash } = expect;
      const row = await db.auditEvent.findUnique({ where: { position: BigInt(position) } });
      if (!row || Buffer.from(row.hash).toString('hex') !== hash)
        return say(
          false,
          position,
          `The audit log does not hold at position ${position}: it is another row than was logged.`,
        );
    }
    const head = Buffer.from(last.hash).toString('hex');
    return say(
      true,
      last.position,
      `The audit log holds: ${last.position} rows, the last with the hash ${head}.`,
      head,
    );
  });
}
