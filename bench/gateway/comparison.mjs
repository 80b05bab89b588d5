// What the comparisons on cheap subgraphs share: their flags, the subgraphs, the viewers, and a table for each operation.
import { parseArgs } from 'node:util';
import { chooseFreePorts, signTestToken, testKeySet } from '@taskgraph/testkit';
import { OPERATIONS } from './graph.mjs';
import { assertEqualAnswers, compare, createRig, printComparison, WARM_ROUNDS } from './rig.mjs';

/** Of what costs are estimated and compared: more than the heavy operation has. */
const HIGH_COSTS = { MAX_OPERATION_COST: '1000000000', SUBGRAPH_MAX_COST: '1000000000' };

/**
 * Reads the flags of a comparison: `--rounds`, `--warm`, `--turn`, `--connections`, `--viewers`, `--operation`, and those of its own.
 *
 * @param own as `parseArgs` takes options; a default here is one of a flag that all have
 */
export function readFlags({ rounds, warm = WARM_ROUNDS, viewers, ...own }) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: rounds },
      warm: { type: 'string', default: warm },
      turn: { type: 'string', default: '1' },
      connections: { type: 'string', default: '50' },
      operation: { type: 'string' },
      viewers: { type: 'string', default: viewers },
      ...own,
    },
  });
  return values;
}

/** Starts the subgraphs of a comparison, and hands what it needs to `run`; when that has ended, nothing is left of either. */
export async function withSubgraphs(gateways, run) {
  const rig = createRig();
  try {
    const [subgraphsPort, ...ports] = await chooseFreePorts(1 + gateways);
    const subgraphsUrl = `http://127.0.0.1:${subgraphsPort}`;
    await rig.start('subgraphs.mjs', { PORT: String(subgraphsPort), BENCH_KEY_SET: JSON.stringify(testKeySet()) });
    await run({
      rig,
      urlOf: (name) => `${subgraphsUrl}/${name}`,
      portOf: (index) => ports[index],
      env: { SUBGRAPHS_URL: subgraphsUrl, JWKS_URL: `${subgraphsUrl}/.well-known/jwks.json`, ...HIGH_COSTS },
    });
  } finally {
    rig.stop();
  }
}

/**
 * Compares gateways on each operation, with the requests of `--viewers` users in turn, and prints a table for each.
 *
 * @returns results by operation
 */
export async function compareOperations(gateways, { flags, headers = {} }) {
  const viewers = Array.from({ length: Number(flags.viewers) }, () => ({
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: `Bearer ${signTestToken({ expiresInSeconds: 7200 })}`,
    ...headers,
  }));
  const results = new Map();
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    if (flags.operation && name !== flags.operation) continue;
    const body = JSON.stringify(operation);
    const runners = gateways.filter(({ only }) => !only || only === name);
    const requestOf = (index) => ({ headers: viewers[index % viewers.length], body });
    const bytes = await assertEqualAnswers(runners, requestOf(0));
    const plan = {
      requestOf,
      bytes,
      connections: Number(flags.connections),
      turn: Number(flags.turn),
      rounds: Number(flags.rounds),
      warm: Number(flags.warm),
    };
    const result = await compare(runners, plan);
    printComparison(name, runners, result, plan);
    results.set(name, result);
  }
  return results;
}
