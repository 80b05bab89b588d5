#!/usr/bin/env node
// Compares gateways on the same graph in one interleaved run: `npm run bench -- gateway/compare`.
//   --rounds N (6)   --requests N (per round: 1500 two-step, 80 heavy)   --only name,name   --connections N (50)
//   --viewers N (1): of how many users the requests are. All of one lets gateways share fetches that are under way, as the
//     public benchmarks do; more than there are connections lets them share nothing
//   --same-heap gives every gateway the settings of the heap that this one starts with
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chooseFreePorts, signTestToken, testKeySet } from '@taskgraph/testkit';
import { composeGraph, OPERATIONS } from './graph.mjs';
import { assertEqualAnswers, compare, CONTENDERS, createRig, printComparison } from './rig.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    requests: { type: 'string' },
    connections: { type: 'string', default: '50' },
    only: { type: 'string' },
    viewers: { type: 'string', default: '1' },
    'same-heap': { type: 'boolean', default: false },
  },
});
const REQUESTS = { 'two-step': 1_500, heavy: 80 };

const rig = createRig();
try {
  const [subgraphsPort, ...ports] = await chooseFreePorts(1 + CONTENDERS.length);
  const subgraphsUrl = `http://127.0.0.1:${subgraphsPort}`;
  const supergraphPath = path.join(rig.folder, 'supergraph.graphql');
  writeFileSync(
    supergraphPath,
    composeGraph((name) => `${subgraphsUrl}/${name}`),
  );
  await rig.start('subgraphs.mjs', { PORT: String(subgraphsPort), BENCH_KEY_SET: JSON.stringify(testKeySet()) });
  const wanted = flags.only?.split(',');
  const gateways = await rig.startGateways(
    CONTENDERS.filter(({ name }) => !wanted || wanted.includes(name)),
    {
      env: () => ({
        SUPERGRAPH_PATH: supergraphPath,
        SUBGRAPHS_URL: subgraphsUrl,
        JWKS_URL: `${subgraphsUrl}/.well-known/jwks.json`,
        // Costs are estimated and compared, and the heavy query is within these limits.
        MAX_OPERATION_COST: '1000000000',
        SUBGRAPH_MAX_COST: '1000000000',
      }),
      portOf: (index) => ports[index],
      sameHeap: flags['same-heap'],
    },
  );
  const viewers = Array.from({ length: Number(flags.viewers) }, () => ({
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: `Bearer ${signTestToken({ expiresInSeconds: 7200 })}`,
  }));
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const body = JSON.stringify(operation);
    const runners = gateways.filter(({ only }) => !only || only === name);
    const requestOf = (index) => ({ headers: viewers[index % viewers.length], body });
    const bytes = await assertEqualAnswers(runners, requestOf(0));
    const plan = {
      requestOf,
      bytes,
      connections: Number(flags.connections),
      requests: Number(flags.requests ?? REQUESTS[name]),
      rounds: Number(flags.rounds),
    };
    printComparison(name, runners, await compare(runners, plan), plan);
  }
} finally {
  rig.stop();
}
