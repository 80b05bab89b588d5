#!/usr/bin/env node
// Writes what the processes are made of (CycloneDX 1.5, without what only builds and tests need): `npm run sbom`, `npm run sbom -- <file>`.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const target = path.resolve(process.argv[2] ?? path.join(root, 'sbom.cdx.json'));
const { status, stdout, stderr, error } = spawnSync('npm', ['sbom', '--sbom-format=cyclonedx', '--omit=dev'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
});
if (status !== 0) {
  console.error(`npm cannot say what is installed: ${error?.message ?? stderr}`);
  process.exit(1);
}
writeFileSync(target, stdout);
console.log(`Wrote ${path.relative(process.cwd(), target)}: ${JSON.parse(stdout).components.length} components.`);
