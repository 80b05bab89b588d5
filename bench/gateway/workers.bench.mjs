#!/usr/bin/env node
// What workers bring: the gateway as one process, and with two workers, in turns on the same cheap subgraphs.
//   npm run bench -- gateway/workers   --rounds N (6)   --turn N (1): seconds for which each gateway is loaded in a round
//   --viewers N (200)   --connections N (50)
// With four cores or more the gateways have two of them, clients and subgraphs the others; with fewer, all share them, and what
// two workers bring is what clients and subgraphs leave.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { chooseFreePorts } from '@taskgraph/testkit';
import { compareOperations, readFlags, withSubgraphs } from './comparison.mjs';
import { composeGraph } from './graph.mjs';
import { CONTENDERS, processesOf } from './rig.mjs';

const flags = readFlags({ rounds: '6', viewers: '200' });
const COUNTS = [1, 2];

function pin(cores, pids) {
  for (const pid of pids) spawnSync('taskset', ['-acp', cores, String(pid)]);
}

await withSubgraphs(COUNTS.length, async ({ rig, urlOf, portOf, env }) => {
  const supergraphPath = path.join(rig.folder, 'supergraph.graphql');
  writeFileSync(supergraphPath, composeGraph(urlOf));
  const operationsPorts = await chooseFreePorts(COUNTS.length);
  const contender = CONTENDERS.find(({ name }) => name === 'taskgraph');
  const gateways = await rig.startGateways(
    COUNTS.map((workers, index) => ({
      ...contender,
      name: `workers-${workers}`,
      label: workers === 1 ? 'one process' : `${workers} workers`,
      env: { GATEWAY_WORKERS: String(workers), GATEWAY_OPERATIONS_PORT: String(operationsPorts[index]) },
    })),
    { env: () => ({ SUPERGRAPH_PATH: supergraphPath, ...env }), portOf },
  );
  if (availableParallelism() >= 4) {
    pin(`2-${availableParallelism() - 1}`, processesOf(process.pid));
    pin(
      '0,1',
      gateways.flatMap(({ child }) => processesOf(child.pid)),
    );
  }
  const results = await compareOperations(gateways, { flags });
  for (const [name, result] of results) {
    const perSecond = (which) => result.get(which).requests / result.get(which).seconds;
    const times = perSecond('workers-2') / perSecond('workers-1');
    console.log(`\n${name}: two workers answer ${times.toFixed(2)} times as many requests.`);
  }
});
