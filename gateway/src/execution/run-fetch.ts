import type { FetchStep } from '../planning/steps.js';
import { groupByContext } from './context-arguments.js';
import type { Execution } from './execution.js';
import { placeErrors, toFetchError, type EntityIndex } from './fetch-errors.js';
import { groupEntities, type EntityGroup } from './group-entities.js';
import { merge, mergeAll } from './merge.js';
import { compileRepresentation, type RepresentationPlan } from './representations.js';
import { applyRewrites } from './rewrites.js';
import type { SubgraphAnswer } from './subgraph-client.js';
import { collectTargets, type Data, type Targets } from './targets.js';

/** Compiled at a step's first use; they live as long as the step. */
const plans = new WeakMap<FetchStep, RepresentationPlan>();

/**
 * Runs one fetch and merges its results into the answer. It never throws: a fetch that fails costs its own fields, and
 * each of them gets an error.
 */
export async function runFetch(step: FetchStep, execution: Execution): Promise<void> {
  if (!step.requires) await fetchRootFields(step, execution);
  else if (step.contextRewrites.length > 0) await fetchByContext(step, execution);
  else await fetchEntities(collectTargets(execution.root, step.path, execution.shared), step, execution);
}

async function fetchRootFields(step: FetchStep, execution: Execution): Promise<void> {
  const { objects: targets } = collectTargets(execution.root, step.path, execution.shared);
  if (targets.length === 0) return;
  const { data, errors } = await send(step, execution, null);
  if (errors.length > 0)
    execution.report(placeErrors(errors, step, { ...execution, indexOf: null, lost: data === null }));
  if (!data) return;
  applyRewrites(step.outputRewrites, data, execution.isSubtype);
  // A list of `Query`: what is brought later is brought to each of them, so each gets its own copy.
  for (const [index, target] of targets.entries())
    merge(target, index < targets.length - 1 ? structuredClone(data) : data, execution.keepsTypename);
}

/** Fetches entities whose fields have arguments from what is around them: one fetch for each set of values. */
async function fetchByContext(step: FetchStep, execution: Execution): Promise<void> {
  const groups = groupByContext(execution.root, step.path, step.contextRewrites, execution.isSubtype);
  await Promise.all(
    groups.map(({ targets, variables }) =>
      fetchEntities(targets, step, { ...execution, variables: { ...execution.variables, ...variables } }),
    ),
  );
}

/**
 * Fetches what a subgraph knows of entities. Equal representations are sent once, and what comes for one is merged into
 * every entity that it stands for: objects inside then stand at several places.
 */
async function fetchEntities(targets: Targets, step: FetchStep, execution: Execution): Promise<void> {
  const { shared } = execution;
  const groups = groupEntities(targets, planOf(step, execution), step.sharing.targets ? shared : null);
  if (groups.length === 0) return;

  const representations = groups.map(({ representation }) => representation);
  const { data, errors } = await send(step, execution, representations);
  const entities = data?.['_entities'];
  const whole = Array.isArray(entities) && entities.length === groups.length;
  if (errors.length > 0)
    execution.report(placeErrors(errors, step, { ...execution, indexOf: indexEntities(groups), lost: !whole }));
  if (!whole) {
    if (errors.length === 0) fail(step, execution, indexEntities(groups));
    return;
  }
  for (let index = 0; index < groups.length; index += 1) {
    const entity = entities[index] as Data | null;
    const { entities: equal } = groups[index] as EntityGroup;
    if (typeof entity !== 'object' || entity === null) {
      for (const target of equal) execution.missing.add(target);
      continue;
    }
    entity['__typename'] ??= equal[0]?.['__typename'];
    applyRewrites(step.outputRewrites, entity, execution.isSubtype);
    mergeAll(equal, entity, step.sharing.mayShare, shared, execution.keepsTypename);
  }
}

function indexEntities(groups: readonly EntityGroup[]): EntityIndex {
  const indices = new Map<Data, number>();
  for (const [index, { entities }] of groups.entries()) for (const entity of entities) indices.set(entity, index);
  return (object) => indices.get(object);
}

function planOf(step: FetchStep, execution: Execution): RepresentationPlan {
  let plan = plans.get(step);
  if (!plan) {
    plan = compileRepresentation(step.requires ?? [], step.inputRewrites, execution.isSubtype);
    plans.set(step, plan);
  }
  return plan;
}

/** A list of another length than was asked for says nothing about which entity is which. */
function fail(step: FetchStep, execution: Execution, indexOf: EntityIndex): void {
  const error = { message: `The ${step.subgraph} service did not answer for every entity.` };
  execution.report(placeErrors([error], step, { ...execution, indexOf, lost: true }));
}

async function send(
  step: FetchStep,
  execution: Execution,
  representations: readonly string[] | null,
): Promise<SubgraphAnswer> {
  const { variables, context, client, signal } = execution;
  let head = step.bodyHead;
  let isFirst = true;
  for (const name of step.variables) {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined) continue;
    head += `${isFirst ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    isFirst = false;
  }
  const bodyFor = (list: readonly string[]) => `${head}${isFirst ? '' : ','}"representations":[${list.join(',')}]}}`;
  try {
    const answer = await client.send(
      {
        subgraph: step.subgraph,
        type: step.type,
        query: step.operation,
        operationName: step.operationName,
        body: representations ? bodyFor(representations) : `${head}}}`,
        entities: representations && { representations, head, bodyFor },
        variables,
        signal,
      },
      context,
    );
    execution.restrict(answer.policy);
    return answer;
  } catch (error) {
    const { formatted } = toFetchError(error, step.subgraph);
    execution.restrict(null);
    return { data: null, errors: [formatted], policy: null };
  }
}
