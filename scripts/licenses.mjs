#!/usr/bin/env node
// Looks at the licences of all that package-lock.json installs: `npm run licenses`. One that is not allowed, or cannot be found, fails.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepareOrExit } from './prepare.mjs';

const require = createRequire(import.meta.url);

/** What may be used in a program of any licence, with its text kept (SPDX identifiers). */
const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PSF-2.0',
  'Python-2.0',
  'Unlicense',
];

/** What is taken beside, package by package, and why that is all right. */
const EXCEPTIONS = [
  {
    packages: /^@apollo\/(composition|federation-internals|gateway|query-graphs|query-planner)$/,
    license: 'Elastic-2.0',
    why: 'may be used and passed on, but not be offered to others as a service of its own',
  },
  {
    packages: /^@img\/sharp-/,
    license: 'LGPL-3.0-or-later',
    why: 'libvips, a library of its own that is linked when the process runs, and can be replaced',
  },
  {
    packages: /^libheif-js$/,
    license: 'LGPL-3.0',
    why: 'libheif, a module of its own that is loaded when a process decodes a picture, unchanged, and can be replaced',
  },
  { packages: /^elkjs$/, license: 'EPL-2.0', why: 'comes with the command of Prisma, and no process loads it' },
  { packages: /^@cdktn\/hcl2json$/, license: 'MPL-2.0', why: 'of tests, and unchanged' },
  { packages: /^spdx-(exceptions|ranges)$/, license: 'CC-BY-3.0', why: 'data of this very check' },
  {
    packages: /^argparse$/,
    license: 'PSF-2.0',
    why: 'the licence of Python, which is as free; its name in newer versions',
  },
  { packages: /^caniuse-lite$/, license: 'CC-BY-4.0', why: 'data of tools, which name their source' },
];

/** What says nothing in its package.json, and what its files say. */
const SAID_ELSEWHERE = { 'combine-errors': 'MIT', 'seq-queue': 'MIT' };

/**
 * Returns what must not be installed, of the packages of a lock file.
 *
 * @param licenseOf what a package's own package.json says, for those of which the lock file says nothing
 */
export function findForbidden(lock, licenseOf = () => undefined) {
  return Object.entries(lock.packages).flatMap(([place, { license, link }]) => {
    const name = place.split('node_modules/').at(-1);
    if (!place.includes('node_modules/') || link) return [];
    const stated = license ?? licenseOf(place) ?? SAID_ELSEWHERE[name];
    return isAllowed(name, stated) ? [] : [`${name}: ${stated ?? 'no licence'}`];
  });
}

function isAllowed(name, stated) {
  const exceptions = EXCEPTIONS.filter(({ packages }) => packages.test(name)).map(({ license }) => license);
  // Not there before it is installed, which is for the program below to do.
  const satisfies = require('spdx-satisfies');
  try {
    return satisfies(
      stated.replaceAll(/ (and|or) /g, (word) => word.toUpperCase()),
      [...ALLOWED, ...exceptions],
    );
  } catch {
    // No expression of SPDX.
    return false;
  }
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The old spelling, a list of objects, as well. */
function readLicense(place) {
  const file = path.join(root, place, 'package.json');
  if (!existsSync(file)) return undefined;
  const { license, licenses } = JSON.parse(readFileSync(file, 'utf8'));
  return license?.type ?? license ?? licenses?.map(({ type }) => type).join(' OR ');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await prepareOrExit();
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const forbidden = findForbidden(lock, readLicense);
  if (forbidden.length > 0) {
    console.error(
      `Licences that are not allowed:\n${forbidden.map((line) => `  - ${line}`).join('\n')}\nscripts/licenses.mjs has the list.`,
    );
    process.exit(1);
  }
  console.log('Every package has a licence that is allowed.');
}
