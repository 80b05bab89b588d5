#!/usr/bin/env node
// Writes what has changed since the last release, from the messages of commits: `node scripts/changelog.mjs [v1.2.3]`.
import { execFileSync } from 'node:child_process';

const [to = 'HEAD'] = process.argv.slice(2);
const git = (...parameters) =>
  execFileSync('git', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** Null before the first release. */
function lastRelease() {
  try {
    return git('describe', '--tags', '--match=v*.*.*', '--abbrev=0', `${to}^`).trim();
  } catch {
    return null;
  }
}

/** What a folder is to the reader of the list; the first that fits. */
const AREAS = [
  ['The graph', /^(gateway\/supergraph\.graphql|subgraphs\/.*\.graphql)$/],
  ['Databases: migrate before the rollout', /^prisma\/.*\/migrations\//],
  ['Gateway', /^(gateway|packages\/federation-engine)\//],
  ['Services', /^(subgraphs|packages)\//],
  ['Deployment', /^(k8s|terraform|observability|deployment|\.github|Dockerfile|docker-compose)/],
];

const from = lastRelease();
const commits = git('log', '--no-merges', '--reverse', '--format=%h%x09%s', from === null ? to : `${from}..${to}`)
  .split('\n')
  .filter(Boolean)
  .map((line) => line.split('\t'));
const sections = new Map([...AREAS.map(([name]) => [name, []]), ['Everything else', []]]);
for (const [hash, subject] of commits) {
  const files = git('show', '--format=', '--name-only', hash).split('\n').filter(Boolean);
  const area = AREAS.find(([, pattern]) => files.some((file) => pattern.test(file)))?.[0] ?? 'Everything else';
  sections.get(area).push(`- ${subject} (${hash})`);
}
console.log(from === null ? 'The first release.' : `What has changed since ${from}.`);
for (const [name, lines] of sections) if (lines.length > 0) console.log(`\n## ${name}\n\n${lines.join('\n')}`);
