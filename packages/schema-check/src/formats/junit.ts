import { CHECKS, type Report } from '../finding.js';
import { describe } from './github.js';
import { at } from './text.js';

/** A test suite of JUnit: each check is a suite, each error a failure of it. */
export function renderJunit(report: Report): string {
  const suites = CHECKS.map((check) => {
    const told = report.findings.filter((finding) => finding.check === check && finding.severity !== 'notice');
    const failures = told.filter(({ severity }) => severity === 'error').length;
    const cases = told.map((finding) => {
      const name = `${finding.code} ${at(finding.place)}`.trim();
      const text = escape(describe(finding));
      const body =
        finding.severity === 'error'
          ? `<failure message="${text}" type="${escape(finding.code)}"/>`
          : `<system-out>${text}</system-out>`;
      return `    <testcase classname="${check}" name="${escape(name)}">${body}</testcase>`;
    });
    const passing = told.length === 0 ? [`    <testcase classname="${check}" name="${check}"/>`] : [];
    const count = Math.max(1, told.length);
    return [
      `  <testsuite name="${check}" tests="${count}" failures="${failures}">`,
      ...cases,
      ...passing,
      '  </testsuite>',
    ];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="schema-check" time="${(report.durationMs / 1000).toFixed(3)}">`,
    ...suites.flat(),
    '</testsuites>',
    '',
  ].join('\n');
}

/** XML 1.0, section 2.2: what no document may have, not even escaped. */
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

function escape(text: string): string {
  return text
    .replaceAll(NOT_XML, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
