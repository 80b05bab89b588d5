import type { Finding, Place, Report } from '../finding.js';

export function at(place: Place | undefined): string {
  return place ? `${place.file}:${place.line}:${place.column}` : '';
}

/** For people at a terminal. What is for the record only is counted. */
export function renderText(report: Report): string {
  const told = report.findings.filter(({ severity }) => severity !== 'notice');
  const lines = told.flatMap(renderFinding);
  const { breaking, dangerous, safe } = report.changes;
  const changes =
    report.against === null
      ? 'There is nothing to compare with; changes were not looked at.'
      : `Compared with ${report.against}: ${breaking} breaking, ${dangerous} dangerous, ${safe} safe changes.`;
  const errors = told.filter(({ severity }) => severity === 'error').length;
  const notices = report.findings.length - told.length;
  return [
    ...lines,
    ...(lines.length > 0 ? [''] : []),
    changes,
    `${report.operations.length} operations validate and plan. ${notices} notices (--format json tells them).`,
    report.passed
      ? `Passes, with ${told.length} warnings.`
      : `Fails: ${errors} errors, ${told.length - errors} warnings.`,
    '',
  ].join('\n');
}

function renderFinding(finding: Finding): string[] {
  const { severity, code, message, place, schema, usedBy = [], approval } = finding;
  const where = [at(place), schema === undefined || schema === 'api' ? '' : `(${schema})`].filter(Boolean).join(' ');
  return [
    `${severity.padEnd(7)} ${code}  ${where}`,
    `        ${message}`,
    ...usedBy.map(
      ({ operation, client, place: use, lastSeen, count }) =>
        `        used by ${operation} of ${client}, ${at(use)}${count === undefined ? '' : `, ${count} times`}${lastSeen === undefined ? '' : `, last seen ${lastSeen}`}`,
    ),
    ...(approval ? [`        approved until ${approval.expires}: ${approval.reason}`] : []),
  ];
}
