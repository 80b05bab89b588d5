import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import semver from 'semver';
import { assertSupported } from '../../scripts/node-version.mjs';
import { ROOT } from './repository.js';

interface Entry {
  readonly engines?: { readonly node?: string };
  readonly link?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

const { packages } = JSON.parse(readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Entry>;
};
const RANGE = packages['']?.engines?.node ?? '';

describe('The versions of Node that the repository names', () => {
  it('are the same for each of its packages', () => {
    const ours = Object.entries(packages).filter(([name, { link }]) => !name.includes('node_modules/') && !link);
    expect(ours.length).toBeGreaterThan(10);
    expect(ours.filter(([, { engines }]) => engines?.node !== RANGE)).toEqual([]);
  });

  it('are all taken by all that is installed', () => {
    const refusing = Object.entries(packages)
      // There is no newer Node for Windows on 32 bits than 22.
      .filter(([, { os, cpu }]) => !(os?.includes('win32') && cpu?.includes('ia32')))
      .filter(([, { engines }]) => engines?.node !== undefined && !semver.subset(RANGE, engines.node))
      .map(([name, { engines }]) => `${name} wants ${engines?.node}`);
    expect(refusing).toEqual([]);
  });

  it.each(['18.20.0', '20.18.3', '20.19.0', '21.7.0', '22.0.0', '22.12.0', '22.13.0', '23.11.0', '24.0.0', '25.1.0'])(
    'are those with which its scripts begin: %s',
    (version) => {
      const begin = () => assertSupported(version);
      if (semver.satisfies(version, RANGE)) expect(begin).not.toThrow();
      else expect(begin).toThrow(/needs Node 20\.19, 22\.13, 24 or newer; this is v/);
    },
  );
});
