import type { Finding, Report } from '../finding.js';
import { renderText } from './text.js';

/** Annotations of a pull request (workflow commands of GitHub Actions), then the text for the log. */
export function renderGithub(report: Report): string {
  const annotations = report.findings
    .filter(({ severity }) => severity !== 'notice')
    .map((finding) => {
      const { place, severity, code } = finding;
      const parameters = {
        ...(place && { file: place.file, line: String(place.line), col: String(place.column) }),
        title: code,
      };
      const written = Object.entries(parameters).map(([name, value]) => `${name}=${escapeProperty(value)}`);
      return `::${severity} ${written.join(',')}::${escapeData(describe(finding))}`;
    });
  return [...annotations, renderText(report)].join('\n');
}

/** In one text: what, and whom it hurts. */
export function describe({ message, usedBy = [], approval }: Finding): string {
  const uses = usedBy.map(
    ({ operation, client, place }) => `used by ${operation} of ${client}, ${place.file}:${place.line}`,
  );
  return [message, ...uses, ...(approval ? [`approved until ${approval.expires}: ${approval.reason}`] : [])].join('\n');
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
