#!/usr/bin/env node
// Writes k8s/components/monitoring/prometheus-rule.yaml from the rules in observability/: `node scripts/prometheus-rule.mjs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(path.join(root, 'deployment/package.json'));
const { parse, stringify } = require('yaml');
const prettier = require('prettier');

const groups = ['recording', 'alerts'].flatMap(
  (name) => parse(readFileSync(path.join(root, `observability/prometheus/rules/${name}.yml`), 'utf8')).groups,
);
const manifest = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'taskgraph', labels: { 'app.kubernetes.io/part-of': 'taskgraph' } },
  spec: { groups },
};
const target = path.join(root, 'k8s/components/monitoring/prometheus-rule.yaml');
const text = `# Written by scripts/prometheus-rule.mjs from observability/prometheus/rules; do not edit.\n${stringify(manifest)}`;
writeFileSync(target, await prettier.format(text, { ...(await prettier.resolveConfig(target)), parser: 'yaml' }));
