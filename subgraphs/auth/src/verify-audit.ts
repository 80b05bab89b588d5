import { readCommandConfig } from './config.js';
import { verifyAudit } from './modules/audit/verify.js';
import { runCommand } from './run-command.js';

const EXPECTED = /^--expect=(\d+):([0-9a-f]{64})$/;

/**
 * `npm run audit:verify [-- --expect=<position>:<hash>]`: follows the chain of the audit log. With a position and hash that the process
 * has logged, it also tells a log that was made anew as a whole.
 *
 * @returns the exit code: 0 when it holds, 1 when not, 2 for what cannot be understood
 */
async function run(parameters: readonly string[]): Promise<number> {
  const [, position, hash] = EXPECTED.exec(parameters[0] ?? '') ?? [];
  if (parameters.length > 1 || (parameters.length === 1 && hash === undefined)) {
    process.stderr.write('Usage: npm run audit:verify [-- --expect=<position>:<hash>]\n');
    return 2;
  }
  return runCommand('verify-audit', readCommandConfig, async ({ db }) => {
    const { last, fault } = await verifyAudit(db);
    if (fault) {
      process.stdout.write(`The audit log does not hold at position ${fault.position}: ${fault.what}.\n`);
      return 1;
    }
    if (position !== undefined) {
      const row = await db.auditEvent.findUnique({ where: { position: BigInt(position) } });
      if (!row || Buffer.from(row.hash).toString('hex') !== hash) {
        process.stdout.write(
          `The audit log does not hold at position ${position}: it is another row than was logged.\n`,
        );
        return 1;
      }
    }
    const head = Buffer.from(last.hash).toString('hex');
    process.stdout.write(`The audit log holds: ${last.position} rows, the last with the hash ${head}.\n`);
    return 0;
  });
}

process.exitCode = await run(process.argv.slice(2));
