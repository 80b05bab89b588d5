#!/usr/bin/env node
// What admission and authorization cost: one gateway with all of it on, one with all of it off, the same build, in turns.
//   npm run bench -- gateway/admission   --rounds N (10)   --requests N (per round: 3000 two-step, 160 heavy)
//   --viewers N (200)   --connections N (50)
// On: limits of documents, demand control, a safelist of registered documents, @authenticated and @policy on fields that
// the operations select, and the headers for the page that asks (CORS). Off: none of it but the limits of documents. Both
// verify tokens, and answer the same.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chooseFreePorts, signTestToken, testKeySet } from '@taskgraph/testkit';
import { composeGraph, OPERATIONS } from './graph.mjs';
import { assertEqualAnswers, compare, CONTENDERS, createRig, printComparison } from './rig.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    requests: { type: 'string' },
    connections: { type: 'string', default: '50' },
    viewers: { type: 'string', default: '200' },
  },
});
const REQUESTS = { 'two-step': 3_000, heavy: 160 };
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

const rig = createRig();
try {
  const [subgraphsPort, ...ports] = await chooseFreePorts(3);
  const subgraphsUrl = `http://127.0.0.1:${subgraphsPort}`;
  const file = (name, text) => {
    const target = path.join(rig.folder, name);
    writeFileSync(target, text);
    return target;
  };
  const urlOf = (name) => `${subgraphsUrl}/${name}`;
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
      MAX_OPERATION_COST: '1000000000',
      SUBGRAPH_MAX_COST: '1000000000',
      CORS_ORIGINS: ORIGIN,
      SAFELIST_FILE: file('manifest.json', JSON.stringify(manifest)),
    },
  };
  await rig.start('subgraphs.mjs', { PORT: String(subgraphsPort), BENCH_KEY_SET: JSON.stringify(testKeySet()) });
  const contender = CONTENDERS.find(({ name }) => name === 'taskgraph');
  const gateways = await rig.startGateways(
    Object.keys(settings).map((name) => ({ ...contender, name, label: `admission ${name}` })),
    {
      env: ({ name }) => ({
        ...settings[name],
        SUBGRAPHS_URL: subgraphsUrl,
        JWKS_URL: `${subgraphsUrl}/.well-known/jwks.json`,
      }),
      portOf: (index) => ports[index],
      answersTo: OPERATIONS['two-step'],
    },
  );
  const viewers = Array.from({ length: Number(flags.viewers) }, () => ({
    'content-type': 'application/json',
    accept: 'application/json',
    origin: ORIGIN,
    authorization: `Bearer ${signTestToken({ expiresInSeconds: 7200 })}`,
  }));
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const body = JSON.stringify(operation);
    const requestOf = (index) => ({ headers: viewers[index % viewers.length], body });
    const bytes = await assertEqualAnswers(gateways, requestOf(0));
    const plan = {
      requestOf,
      bytes,
      connections: Number(flags.connections),
      requests: Number(flags.requests ?? REQUESTS[name]),
      rounds: Number(flags.rounds),
    };
    const results = await compare(gateways, plan);
    printComparison(name, gateways, results, plan);
    const cost = (which) => results.get(which).cpuMs / results.get(which).requests;
    console.log(
      `\n${name}: admission costs ${(100 * (cost('on') / cost('off') - 1)).toFixed(1)} % of CPU per request.`,
    );
  }
} finally {
  rig.stop();
}
