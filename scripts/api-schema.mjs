// What clients see of gateway/supergraph.graphql: a loader for graphql-codegen, which knows no supergraphs.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { Supergraph } = createRequire(path.join(root, 'gateway/package.json'))('@apollo/federation-internals');

/** @returns {import('graphql').GraphQLSchema} */
export default function loadApiSchema(file) {
  const text = readFileSync(path.resolve(root, file), 'utf8');
  // Security features are the gateway's to support: here nothing is run.
  return Supergraph.build(text, { supportedFeatures: null }).apiSchema().toGraphQLJSSchema();
}
