import type { Report } from '../finding.js';
import { renderGithub } from './github.js';
import { renderJunit } from './junit.js';
import { renderMarkdown } from './markdown.js';
import { renderSarif } from './sarif.js';
import { renderText } from './text.js';

export const FORMATS = {
  text: renderText,
  json: (report: Report) => `${JSON.stringify(report, null, 2)}\n`,
  github: renderGithub,
  markdown: renderMarkdown,
  sarif: renderSarif,
  junit: renderJunit,
} as const;

export type Format = keyof typeof FORMATS;

export function isFormat(name: string): name is Format {
  return Object.hasOwn(FORMATS, name);
}
