#!/usr/bin/env node
// Writes what the processes are made of (CycloneDX 1.5, without what only builds and tests need): `npm run sbom`, `npm run sbom -- <file>`.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const target = path.resolve(process.argv[2] ?? path.join(root, 'sbom.cdx.json'));
// npm's own way to leave out what is for development leaves out as well what the root has for development and a service needs.
const { status, stdout, stderr, error } = spawnSync('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
});
if (status !== 0) {
  console.error(`npm cannot say what is installed: ${error?.message ?? stderr}`);
  process.exit(1);
}
const sbom = JSON.parse(stdout);
const isForDevelopment = ({ properties = [] }) =>
  properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
const components = sbom.components.filter((component) => !isForDevelopment(component));
const kept = new Set([sbom.metadata.component['bom-ref'], ...components.map((component) => component['bom-ref'])]);
const dependencies = sbom.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }));
writeFileSync(target, `${JSON.stringify({ ...sbom, components, dependencies }, null, 2)}\n`);
console.log(`Wrote ${path.relative(process.cwd(), target)}: ${components.length} components.`);
