import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { provideTool } from '../../scripts/run-tool.mjs';
import type { Manifest } from './kubernetes-schemas.js';
import { ROOT } from './repository.js';

const kustomize = provideTool('kustomize');

/** Why overlays cannot be rendered here; null when they can. */
export const cannotRender = 'missing' in kustomize ? kustomize.missing : null;

/** Renders a folder as `kubectl kustomize` does. */
export function render(folder: string): Manifest[] {
  if ('missing' in kustomize) throw new Error(kustomize.missing);
  const [command = '', ...parameters] = kustomize.command;
  const text = execFileSync(command, [...parameters, path.join(ROOT, folder)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}
