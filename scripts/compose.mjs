#!/usr/bin/env node
// Composes gateway/supergraph.graphql from the subgraphs' SDL, and tells of fields that docs/access.md says nothing about. With
// --check it only compares, for CI.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFaults, readRules } from './access-rules.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(path.join(root, 'gateway/package.json'));
const { composeServices } = require('@apollo/composition');
const { parse } = require('graphql');
const { parse: parseYaml } = require('yaml');

const configPath = path.join(root, 'gateway/supergraph.yaml');
const target = path.join(root, 'gateway/supergraph.graphql');
const check = process.argv.includes('--check');

const { subgraphs } = parseYaml(readFileSync(configPath, 'utf8'));
const services = Object.entries(subgraphs).map(([name, { routing_url: url, schema }]) => ({
  name,
  url,
  typeDefs: parse(readSdl(name, schema)),
}));

const { errors, hints = [], supergraphSdl } = composeServices(services);
for (const hint of hints) if (hint.definition.level.value >= 60) console.warn(`warning: ${hint.message}`);
if (errors?.length) {
  console.error(
    `The subgraphs do not compose:\n${errors.map(({ message, extensions }) => `  - ${extensions?.code ?? ''} ${message}`).join('\n')}`,
  );
  process.exit(1);
}

const composed = `# Composed by \`npm run compose\`; do not edit.\n${supergraphSdl.trimEnd()}\n`;
const committed = readIfThere(target);
if (composed === committed) {
  console.log('gateway/supergraph.graphql is up to date.');
} else if (check) {
  console.error('gateway/supergraph.graphql is not what the subgraphs compose to. Run: npm run compose');
  console.error(firstDifference(committed.split('\n'), composed.split('\n')));
  process.exit(1);
} else {
  writeFileSync(target, composed);
  console.log(`Wrote ${path.relative(root, target)} from ${services.map(({ name }) => name).join(', ')}.`);
}

const withoutRules = findFaults(readRules(), composed);
if (withoutRules.length > 0) {
  console.error(`It is not said who gets what:\n${withoutRules.map((fault) => `  - ${fault}`).join('\n')}`);
  process.exit(1);
}

function readSdl(name, schema) {
  const folder = path.resolve(path.dirname(configPath), schema);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.graphql'))
    .sort();
  if (files.length === 0) throw new Error(`There is no SDL of the subgraph ${name} in ${folder}.`);
  return files.map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n');
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function firstDifference(before, after) {
  const at = after.findIndex((line, index) => line !== before[index]);
  const line = at === -1 ? after.length : at;
  const show = (lines, sign) => lines.slice(line, line + 8).map((text) => `${sign} ${text}`);
  return [`@@ line ${line + 1} @@`, ...show(before, '-'), ...show(after, '+')].join('\n');
}
