import os from 'node:os';
import { parentPort } from 'node:worker_threads';
import { ApolloGateway } from '@apollo/gateway';
import type { QueryPlanner } from '@apollo/query-planner';
import { describeGraph, PLANNER_CONFIG } from './describe-graph.js';
import { planOperation, type PlannedVersion } from './plan-operation.js';
import type { PlannerAnswer, PlannerRequest } from './planner-messages.js';
import { prepareSupergraph, type PreparedSupergraph } from './prepared-supergraph.js';

/**
 * The planner's thread. Apollo's gateway loads, checks and replaces supergraphs and builds their planners here, where neither
 * that nor planning keeps requests waiting.
 */
const KEPT_VERSIONS = 2;
/** A third of the share of a thread at 0. */
const LOW_PRIORITY = 5;

const versions = new Map<number, PlannedVersion>();
let gateway: ApolloGateway | null = null;
let update: (supergraphSdl: string) => void = () => undefined;

/** @throws when the supergraph cannot be served; the one before goes on */
async function load(version: number, text: string): Promise<PlannerAnswer & object> {
  const prepared = prepareSupergraph(text);
  if (gateway) update(prepared.plannerSdl);
  else gateway = await start(prepared);
  const planner = plannerOf(gateway);
  versions.set(version, { planner, plannerSchema: prepared.plannerSchema });
  for (const old of [...versions.keys()].slice(0, -KEPT_VERSIONS)) versions.delete(old);
  return { id: 0, kind: 'loaded', description: describeGraph(planner.supergraph, prepared) };
}

async function start({ plannerSdl }: PreparedSupergraph): Promise<ApolloGateway> {
  const made = new ApolloGateway({
    supergraphSdl: async (options) => {
      update = options.update;
      return { supergraphSdl: plannerSdl };
    },
    queryPlannerConfig: PLANNER_CONFIG,
    validateSupergraph: true,
    // Apollo's executor is not used; it asks for its transport all the same.
    buildService: () => ({ process: () => Promise.reject(new Error('fetches are sent by the engine')) }),
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  });
  await made.load();
  return made;
}

function ignore(): void {
  // What goes wrong is told to main, which has the log.
}

/**
 * The planner is a private member of Apollo's gateway. Another one for the engine would take as much memory, and as long to
 * build, again; the version of the package is exact, and one that keeps its planner elsewhere does not start.
 */
function plannerOf(apollo: ApolloGateway): QueryPlanner {
  const { queryPlanner } = apollo as unknown as { queryPlanner?: QueryPlanner };
  if (typeof queryPlanner?.buildQueryPlan !== 'function')
    throw new Error('this version of @apollo/gateway has no planner where the engine looks for it');
  return queryPlanner;
}

async function answer(request: PlannerRequest): Promise<PlannerAnswer> {
  const { id } = request;
  try {
    if (request.kind === 'load') return { ...(await load(request.version, request.supergraph)), id };
    const version = versions.get(request.version);
    if (!version) throw new Error('this version of the graph is no longer planned for');
    return { id, kind: 'planned', plan: planOperation(version, request.text, request.operationName) };
  } catch (error) {
    return { id, kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

// Where cores are scarce, requests go first. On Linux a priority is that of the thread that sets it, elsewhere of the process.
if (process.platform === 'linux') os.setPriority(LOW_PRIORITY);

parentPort?.on('message', (request: PlannerRequest) => {
  void answer(request).then((message) => parentPort?.postMessage(message));
});
