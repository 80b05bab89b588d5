#!/usr/bin/env node
// Composes gateway/supergraph.graphql from the subgraphs' SDL, writes what is made from it, and tells of fields that docs/access.md
// says nothing about. With --check it only compares, for CI.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFaults, readRules } from './access-rules.mjs';
import { makeGeneratedFiles } from './generated-files.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(path.join(root, 'gateway/package.json'));
const { composeServices } = require('@apollo/composition');
const { parse } = require('graphql');
const { parse: parseYaml } = require('yaml');

const configPath = path.join(root, 'gateway/supergraph.yaml');
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
const files = [{ file: 'gateway/supergraph.graphql', content: composed }, ...makeGeneratedFiles(composed)];
const stale = files.filter(({ file, content }) => readIfThere(path.join(root, file)) !== content);
if (stale.length === 0) {
  console.log('gateway/supergraph.graphql, and what is made from it, is up to date.');
} else if (check) {
  for (const { file, content } of stale) {
    console.error(`${file} is not what the subgraphs compose to. Run: npm run compose`);
    console.error(firstDifference(readIfThere(path.join(root, file)).split('\n'), content.split('\n')));
  }
  process.exit(1);
} else {
  for (const { file, content } of stale) writeFileSync(path.join(root, file), content);
  console.log(`Wrote ${stale.map(({ file }) => file).join(', ')} from ${services.map(({ name }) => name).join(', ')}.`);
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
