#!/usr/bin/env node
// Compares gateways on the same graph in one interleaved run: `npm run bench -- gateway/compare`.
//   --rounds N (18)   --warm N (12): rounds before them that do not count   --turn N (1): seconds for which each gateway is loaded in a round   --only name,name   --connections N (50)
//   --operation NAME (both)
//   --viewers N (1): of how many users the requests are. All of one lets gateways share fetches that are under way, as the
//     public benchmarks do; more than there are connections lets them share nothing
//   --against FOLDER also runs the gateway of another checkout that is built
//   --same-heap gives every gateway the settings of the heap that this one starts with
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { compareOperations, readFlags, withSubgraphs } from './comparison.mjs';
import { composeGraph } from './graph.mjs';
import { CONTENDERS, withCheckout } from './rig.mjs';

const flags = readFlags({
  rounds: '18',
  warm: '12',
  viewers: '1',
  only: { type: 'string' },
  against: { type: 'string' },
  'same-heap': { type: 'boolean', default: false },
});

const contenders = withCheckout(CONTENDERS, flags.against);

await withSubgraphs(contenders.length, async ({ rig, urlOf, portOf, env }) => {
  const supergraphPath = path.join(rig.folder, 'supergraph.graphql');
  writeFileSync(supergraphPath, composeGraph(urlOf));
  const wanted = flags.only?.split(',');
  const gateways = await rig.startGateways(
    contenders.filter(({ name }) => !wanted || wanted.includes(name)),
    { env: () => ({ SUPERGRAPH_PATH: supergraphPath, ...env }), portOf, sameHeap: flags['same-heap'] },
  );
  await compareOperations(gateways, { flags });
});
