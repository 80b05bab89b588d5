import os from 'node:os';
import { parentPort } from 'node:worker_threads';
import { ApolloGateway } from '@apollo/gateway';
import type { QueryPlanner } from '@apollo/query-planner';
import { describeGraph, PLANNER_CONFIG } from './describe-graph.js';
import { planOperation, type PlannedVersion } from './plan-operation.js';
import type { PlannerAnswer, PlannerMessage, PlannerRequest } from './planner-messages.js';
import { prepareSupergraph, type PreparedSupergraph } from './prepared-supergraph.js';

/*
 * The planner's thread. Apollo's gateway loads, checks and replaces supergraphs and builds their planners here, where neither
 * that nor planning keeps requests waiting. Which versions are planned for is up to main: Apollo's gateway knows only the last.
 */

/** A third of the share of a thread at 0. */
const LOW_PRIORITY = 5;

const versions = new Map<number, PlannedVersion>();
let gateway: ApolloGateway | null = null;
let update: (supergraphSdl: string) => void = () => undefined;

/** @throws when the supergraph cannot be served; the one before goes on */
async function load(version: number, text: string): Promise<PlannerAnswer & object> {
  const prepared = prepareSupergraph(text);
  const planner = plannerOf(await replace(prepared));
  const description = describeGraph(planner.supergraph, prepared);
  // Main knows of it from here on, and will release it.
  versions.set(version, { planner, plannerSchema: prepared.plannerSchema });
  return { id: 0, kind: 'loaded', description };
}

async function replace(prepared: PreparedSupergraph): Promise<ApolloGateway> {
  const before = gateway;
  // One that has failed half-way takes the same supergraph for no change, and keeps the planner before: it is not used again.
  gateway = null;
  if (before) update(prepared.plannerSdl);
  gateway = before ?? (await start(prepared));
  return gateway;
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
    return {
      id,
      kind: 'planned',
      plan: planOperation(version, request.text, request.operationName, request.labels ?? []),
    };
  } catch (error) {
    return { id, kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

// Where cores are scarce, requests go first. On Linux a priority is that of the thread that sets it, elsewhere of the process.
// A process that starts with less already may not raise it, unless it is root's.
if (process.platform === 'linux' && os.getPriority() < LOW_PRIORITY) os.setPriority(LOW_PRIORITY);

/** One thing after the other: a plan that comes after a load is for what has been loaded. */
let last = Promise.resolve();

async function take(message: PlannerMessage): Promise<void> {
  if (message.kind === 'release') versions.delete(message.version);
  else parentPort?.postMessage(await answer(message));
}

parentPort?.on('message', (message: PlannerMessage) => {
  last = last.then(() => take(message));
});
