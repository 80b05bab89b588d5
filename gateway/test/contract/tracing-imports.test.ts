import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SOURCES = ['gateway', 'embedded', ...['auth', 'task', 'media'].map((name) => `subgraphs/${name}`)].concat(
  ['contracts', 'databases', 'federation-engine', 'service-kit'].map((name) => `packages/${name}`),
);
/** Loaded only where the settings say that something is traced. */
const TRACERS = /^packages\/service-kit\/src\/tracing\/otel-[^/]+$/;

it('nothing of OpenTelemetry is loaded where nothing is traced', () => {
  const files = SOURCES.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(?<!\.test)\.ts$/.test(file))
      .map((file) => path.posix.join(folder, 'src', file)),
  );
  expect(files.length).toBeGreaterThan(300);
  const isStatic = /^(import|export)\b(?! type\b)[^;]*from '(@opentelemetry\/|[^']*\/otel-)/m;
  const eager = files.filter(
    (file) => !TRACERS.test(file) && isStatic.test(readFileSync(path.join(ROOT, file), 'utf8')),
  );
  expect(eager).toEqual([]);
});
