import type { Finding, Report } from '../finding.js';

const MARKS: Readonly<Record<Finding['severity'], string>> = { error: '❌', warning: '⚠️', notice: 'ℹ️' };

/** For a comment of a pull request, or the summary of a job. */
export function renderMarkdown(report: Report): string {
  const { breaking, dangerous, safe } = report.changes;
  const told = report.findings.filter(({ severity, schema }) => severity !== 'notice' || schema === 'api');
  return [
    `## Schema check ${report.passed ? 'passes' : 'fails'}`,
    '',
    report.against === null
      ? 'There is nothing to compare with.'
      : `Compared with \`${report.against}\`: **${breaking}** breaking, **${dangerous}** dangerous, **${safe}** safe changes.`,
    '',
    ...(told.length > 0 ? ['| | what | where | used by |', '|---|---|---|---|', ...told.map(toRow), ''] : []),
  ].join('\n');
}

function toRow({ severity, code, message, place, usedBy = [], approval }: Finding): string {
  const uses = usedBy.map(
    ({ operation, client, place: use }) => `\`${operation}\` of ${client} (\`${use.file}:${use.line}\`)`,
  );
  const what = approval ? `${message} — approved until ${approval.expires}: ${approval.reason}` : message;
  const cells = [
    MARKS[severity],
    `\`${code}\` ${what}`,
    place ? `\`${place.file}:${place.line}\`` : '',
    uses.join('<br>'),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}
