// What is committed and made from the graph and the operations of clients: docs/schema.md, and the manifest of registered documents that
// packages/client ships. `npm run compose` writes both; with --check it compares.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, print, separateOperations } from 'graphql';
import { renderSchemaPage } from './schema-page.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { InMemoryCache } = createRequire(path.join(root, 'packages/client/package.json'))('@apollo/client');

/** @returns {Array<{ readonly file: string, readonly content: string }>} by paths from the root */
export function makeGeneratedFiles(supergraphSdl) {
  const operations = readFileSync(path.join(root, 'gateway/contract/operations.graphql'), 'utf8');
  return [
    { file: 'docs/schema.md', content: renderSchemaPage(supergraphSdl) },
    { file: 'packages/client/persisted-query-manifest.json', content: renderManifest(operations) },
  ];
}

/**
 * `apollo-persisted-query-manifest`, version 1. The documents are those that Apollo Client sends, which asks everywhere for
 * `__typename`, and an id is the SHA-256 of its document, so that it is a hash for automatic persisted queries as well.
 */
function renderManifest(text) {
  const cache = new InMemoryCache();
  const documents = Object.entries(separateOperations(parse(text, { noLocation: true })));
  const operations = documents.map(([name, document]) => {
    const body = print(cache.transformDocument(document));
    const { operation: type } = document.definitions.find(({ kind }) => kind === 'OperationDefinition');
    return { id: createHash('sha256').update(body).digest('hex'), name, type, body };
  });
  return `${JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations }, null, 2)}\n`;
}
