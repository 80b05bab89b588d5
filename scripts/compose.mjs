#!/usr/bin/env node
// Composes gateway/supergraph.graphql from the subgraphs' SDL, writes what is made from it, and tells of fields that docs/access.md
// says nothing about. With --check it only compares, for CI; with --json it says what there is to say as one object.
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
const json = process.argv.includes('--json');
/** What a program is told: everything, however early it ends. */
const told = { upToDate: false, written: [], stale: [], withoutRules: [], errors: [], warnings: [] };

const { subgraphs } = parseYaml(readFileSync(configPath, 'utf8'));
const services = Object.entries(subgraphs).map(([name, { routing_url: url, schema }]) => ({
  name,
  url,
  typeDefs: parse(readSdl(name, schema)),
}));

const { errors, hints = [], supergraphSdl } = composeServices(services);
told.warnings = hints.filter((hint) => hint.definition.level.value >= 60).map(({ message }) => message);
told.errors = (errors ?? []).map(({ message, extensions }) => ({ code: extensions?.code ?? null, message }));
if (told.errors.length === 0) compareFiles();
if (json) console.log(JSON.stringify(told, null, 2));
else tellInWords();
process.exitCode = told.errors.length + told.stale.length + told.withoutRules.length > 0 ? 1 : 0;

/** Finds what is not as it is made, and writes it unless it is only to be compared. */
function compareFiles() {
  const composed = `# Composed by \`npm run compose\`; do not edit.\n${supergraphSdl.trimEnd()}\n`;
  const files = [{ file: 'gateway/supergraph.graphql', content: composed }, ...makeGeneratedFiles(composed)];
  const others = files.filter(({ file, content }) => readIfThere(path.join(root, file)) !== content);
  told.upToDate = others.length === 0;
  for (const { file, content } of others)
    if (check) {
      const difference = firstDifference(readIfThere(path.join(root, file)).split('\n'), content.split('\n'));
      told.stale.push({ file, difference });
    } else {
      writeFileSync(path.join(root, file), content);
      told.written.push(file);
    }
  told.withoutRules = findFaults(readRules(), composed);
}

function tellInWords() {
  for (const message of told.warnings) console.warn(`warning: ${message}`);
  if (told.errors.length > 0)
    console.error(
      `The subgraphs do not compose:\n${told.errors.map(({ code, message }) => `  - ${code ?? ''} ${message}`).join('\n')}`,
    );
  if (told.upToDate) console.log('gateway/supergraph.graphql, and what is made from it, is up to date.');
  for (const { file, difference } of told.stale) {
    console.error(`${file} is not what the subgraphs compose to. Run: npm run compose`);
    console.error(difference);
  }
  if (told.written.length > 0)
    console.log(`Wrote ${told.written.join(', ')} from ${services.map(({ name }) => name).join(', ')}.`);
  if (told.withoutRules.length > 0)
    console.error(`It is not said who gets what:\n${told.withoutRules.map((fault) => `  - ${fault}`).join('\n')}`);
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
