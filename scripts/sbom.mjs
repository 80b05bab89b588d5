#!/usr/bin/env node
// Writes what the processes are made of (CycloneDX 1.5, without what only builds and tests need): `npm run sbom`, `npm run sbom -- <file>`.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [given, ...more] = process.argv.slice(2);
if (given?.startsWith('-') || more.length > 0) {
  console.error('npm run sbom takes the file to write, and nothing else: npm run sbom -- <file>');
  process.exit(given === '--help' || given === '-h' ? 0 : 2);
}
const target = path.resolve(given ?? path.join(root, 'sbom.cdx.json'));
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
/** Workspaces that developers run, and that no process is made of: what these alone need is left out. */
const TOOLS = new Set(['packages/schema-check', 'packages/testkit', 'e2e', 'deployment']);
const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));

/** Where Node finds a package from a folder: in the nearest `node_modules` above it. */
function resolve(from, name) {
  for (let folder = from; ; folder = folder.includes('/') ? folder.slice(0, folder.lastIndexOf('/')) : '') {
    const place = path.posix.join(folder, 'node_modules', name);
    if (packages[place]) return packages[place].link ? packages[place].resolved : place;
    if (folder === '') return null;
  }
}

const used = new Set(
  Object.keys(packages).filter((place) => place !== '' && !place.includes('node_modules/') && !TOOLS.has(place)),
);
// A set is walked on to what is added meanwhile.
for (const place of used) {
  const { dependencies, optionalDependencies, peerDependencies } = packages[place];
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    const needed = resolve(place, name);
    // What is for development only may stand in for a peer there.
    if (needed !== null && !packages[needed].dev && !TOOLS.has(needed)) used.add(needed);
  }
}
const nameOf = (place) =>
  packages[place].name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
const usedRefs = new Set([...used].map((place) => `${nameOf(place)}@${packages[place].version}`));
const components = sbom.components.filter((component) => usedRefs.has(component['bom-ref'].replace(/\|.*$/, '')));
const kept = new Set([sbom.metadata.component['bom-ref'], ...components.map((component) => component['bom-ref'])]);
const dependencies = sbom.dependencies
  .filter(({ ref }) => kept.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => kept.has(other)) }));
writeFileSync(target, `${JSON.stringify({ ...sbom, components, dependencies }, null, 2)}\n`);
console.log(`Wrote ${path.relative(process.cwd(), target)}: ${components.length} components.`);
