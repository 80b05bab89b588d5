#!/usr/bin/env node
// What admission and authorization cost: one gateway with all of it on, one with all of it off, the same build, in turns.
//   npm run bench -- gateway/admission   --rounds N (10)   --turn N (1): seconds for which each gateway is loaded in a round
//   --viewers N (200)   --connections N (50)
// On: limits of documents, demand control, a safelist of registered documents, @authenticated and @policy on fields that
// the operations select, and the headers for the page that asks (CORS). Off: none of it but the limits of documents. Both
// verify tokens, and answer the same.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { compareOperations, readFlags, withSubgraphs } from './comparison.mjs';
import { composeGraph, OPERATIONS } from './graph.mjs';
import { CONTENDERS } from './rig.mjs';

const flags = readFlags({ rounds: '10', viewers: '200' });
const ORIGIN = 'https://app.example.com';
const GUARDS = [
  ['federation/v2.3"', 'federation/v2.9"'],
  ['"@provides", "@shareable"', '"@provides", "@shareable", "@authenticated", "@policy"'],
  ['name: String price', 'name: String @authenticated price'],
  ['body: String author', 'body: String @policy(policies: [["member"]]) author'],
  ['name: String username', 'name: String @authenticated username'],
];

/** The same graph with requirements on its fields. */
function guard(typeDefs) {
  return GUARDS.reduce((text, [from, to]) => text.replace(from, to), typeDefs);
}

await withSubgraphs(2, async ({ rig, urlOf, portOf, env }) => {
  const file = (name, text) => {
    const target = path.join(rig.folder, name);
    writeFileSync(target, text);
    return target;
  };
  const manifest = {
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: Object.entries(OPERATIONS).map(([name, { query }]) => ({
      id: createHash('sha256').update(query).digest('hex'),
      name,
      type: 'query',
      body: query,
    })),
  };
  const settings = {
    off: {
      SUPERGRAPH_PATH: file('open.graphql', composeGraph(urlOf)),
      DEMAND_CONTROL: 'off',
      APQ: '0',
    },
    on: {
      SUPERGRAPH_PATH: file('guarded.graphql', composeGraph(urlOf, 0, guard)),
      DEMAND_CONTROL: 'enforce',
      AUTHORIZATION_POLICIES: JSON.stringify({ member: { role: ['USER', 'ADMIN'] } }),
      CORS_ORIGINS: ORIGIN,
      SAFELIST_FILE: file('manifest.json', JSON.stringify(manifest)),
    },
  };
  const contender = CONTENDERS.find(({ name }) => name === 'taskgraph');
  const gateways = await rig.startGateways(
    Object.keys(settings).map((name) => ({ ...contender, name, label: `admission ${name}` })),
    { env: ({ name }) => ({ ...env, ...settings[name] }), portOf, answersTo: OPERATIONS['two-step'] },
  );
  const results = await compareOperations(gateways, { flags, headers: { origin: ORIGIN } });
  for (const [name, result] of results) {
    const cost = (which) => result.get(which).cpuMs / result.get(which).requests;
    const more = 100 * (cost('on') / cost('off') - 1);
    console.log(`\n${name}: admission costs ${more.toFixed(1)} % of CPU per request.`);
  }
});
