import type { Report } from '../finding.js';
import { describe } from './github.js';

const LEVELS = { error: 'error', warning: 'warning', notice: 'note' } as const;

/** SARIF 2.1.0 (OASIS), as code scanning takes it. */
export function renderSarif(report: Report): string {
  const rules = [...new Set(report.findings.map(({ code }) => code))];
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'schema-check',
            informationUri: 'https://www.npmjs.com/package/@taskgraph/schema-check',
            rules: rules.map((id) => ({ id })),
          },
        },
        results: report.findings.map((finding) => {
          const { code, severity, place, usedBy = [] } = finding;
          const locate = ({ file, line, column }: NonNullable<typeof place>) => ({
            physicalLocation: {
              artifactLocation: { uri: encodeURI(file) },
              region: { startLine: line, startColumn: column },
            },
          });
          return {
            ruleId: code,
            ruleIndex: rules.indexOf(code),
            level: LEVELS[severity],
            message: { text: describe(finding) },
            ...(place && { locations: [locate(place)] }),
            ...(usedBy.length > 0 && { relatedLocations: usedBy.map((use, id) => ({ id, ...locate(use.place) })) }),
          };
        }),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}
