import type { FetchStep, RepresentationPlan } from '../compile/plan/steps.js';
import { groupByContext } from './context-arguments.js';
import type { Execution } from './execution.js';
import { toFetchError } from '../subgraphs/fetch-fault.js';
import { placeErrors, type EntityIndex } from './fetch-errors.js';
import { groupEntities, joinGroups, type EntityGroup } from './group-entities.js';
import { merge, mergeAll } from './merge.js';
import { applyRewrites } from './rewrites.js';
import { badResponse } from '../subgraphs/read-answer.js';
import { holds } from '../request/selection-conditions.js';
import type { Representation, SubgraphAnswer, SubgraphRequest } from '../subgraphs/subgraph-client.js';
import { collectTargets, type Targets } from './targets.js';
import type { Data } from '../request/data.js';

/**
 * Runs one fetch and merges its results into the answer. It never throws: a fetch that fails costs its own fields, and
 * each of them gets an error.
 */
export async function runFetch(step: FetchStep, execution: Execution): Promise<void> {
  try {
    if (isSelected(step, execution.conditions)) {
      const plan = step.representations?.(execution.conditions);
      if (step.contexts.length > 0 && plan) await fetchByContext(step, plan, execution);
      else {
        const prepared = plan ? prepareEntities(step, plan, execution) : prepareRootFields(step, execution);
        if (prepared) prepared.take(await send(step, execution, prepared.representations));
      }
    }
  } catch (error) {
    // What came could be read but not be used, such as values nested thousands of levels deep.
    execution.context.log.error({ err: error, subgraph: step.subgraph }, 'an answer of a subgraph cannot be used');
    const everything = step.representations ? () => 0 : null;
    execution.report(
      placeErrors([badResponse(step.subgraph)], step, { ...execution, indexOf: everything, came: null }),
    );
  }
  if (step.id !== null) execution.fetched?.(step.id);
}

/** Whether conditions leave anything that a fetch selects. */
function isSelected({ conditions }: FetchStep, values: Execution['conditions']): boolean {
  return !conditions?.selected || conditions.selected.some((included) => holds(included, values));
}

/** What a fetch is for, found out before it is sent. */
interface PreparedFetch {
  readonly representations: readonly Representation[] | null;
  /** Merges what has come. */
  take(answer: SubgraphAnswer): void;
}

/** Null when there is nothing to fill. */
function prepareRootFields(step: FetchStep, execution: Execution): PreparedFetch | null {
  const { objects: targets } = collectTargets(execution.root, step.path, execution.shared);
  if (targets.length === 0) return null;
  return {
    representations: null,
    take({ data, errors }) {
      if (errors.length > 0) execution.report(placeErrors(errors, step, { ...execution, indexOf: null, came: data }));
      if (!data) return;
      unaskedOf(step.members)(data);
      applyRewrites(step.outputRewrites, data);
      // A list of `Query`: what is brought later is brought to each of them, so each gets its own copy.
      for (let index = 0; index < targets.length; index += 1)
        merge(
          targets[index] as Data,
          index < targets.length - 1 ? structuredClone(data) : data,
          execution.keepsTypename,
        );
    },
  };
}

/** Fetches entities whose fields have arguments from what is around them: one fetch for each set of values. */
async function fetchByContext(step: FetchStep, plan: RepresentationPlan, execution: Execution): Promise<void> {
  const groups = groupByContext(execution.root, step.path, step.contexts);
  await Promise.all(
    groups.map(async ({ targets, variables }) => {
      const inside = { ...execution, variables: { ...execution.variables, ...variables } };
      const prepared = prepareGroups(groupTargets(targets, plan, step.sharing.targets, inside), step, inside);
      if (prepared) prepared.take(await send(step, inside, prepared.representations));
    }),
  );
}

function prepareEntities(step: FetchStep, plan: RepresentationPlan, execution: Execution): PreparedFetch | null {
  const { root, shared } = execution;
  const groups = groupTargets(collectTargets(root, step.path, shared), plan, step.sharing.targets, execution);
  for (const { path, sharesTargets } of step.alsoAt)
    joinGroups(groups, groupTargets(collectTargets(root, path, shared), plan, sharesTargets, execution));
  return prepareGroups(groups, step, execution);
}

function groupTargets(
  targets: Targets,
  plan: RepresentationPlan,
  mayShare: boolean,
  { texts, shared }: Execution,
): EntityGroup[] {
  return groupEntities(targets, plan, texts.arePlain, mayShare ? shared : null);
}

/**
 * Prepares to fetch what a subgraph knows of entities; null when there are none. Equal representations are sent once, and what comes for
 * one is merged into every entity that it stands for: objects inside then stand at several places.
 */
function prepareGroups(groups: readonly EntityGroup[], step: FetchStep, execution: Execution): PreparedFetch | null {
  if (groups.length === 0) return null;
  return {
    representations: groups.map(({ representation }) => representation),
    take: (answer) => takeEntities(answer, groups, step, execution),
  };
}

function takeEntities(
  { data, errors }: SubgraphAnswer,
  groups: readonly EntityGroup[],
  step: FetchStep,
  execution: Execution,
): void {
  // As long as the list of representations: see `read-answer.ts`.
  const entities = (data?.['_entities'] ?? null) as Array<Data | null> | null;
  const foreign = entities ? findForeign(entities, groups, execution) : NONE;
  if (errors.length > 0 || foreign.length > 0) {
    const faults = foreign.map((index) => ({ ...badResponse(step.subgraph), path: ['_entities', index] }));
    execution.report(
      placeErrors([...errors, ...faults], step, { ...execution, indexOf: indexEntities(groups), came: entities }),
    );
  }
  if (!entities) return;
  for (const index of foreign) entities[index] = null;
  const drop = unaskedOf(step.members);
  for (let index = 0; index < groups.length; index += 1) {
    const entity = entities[index] ?? null;
    if (entity === null) continue;
    drop(entity);
    entity['__typename'] ??= groups[index]?.entities[0]?.['__typename'];
  }
  applyRewrites(step.outputRewrites, entities);
  for (let index = 0; index < groups.length; index += 1) {
    const entity = entities[index] ?? null;
    const { entities: equal } = groups[index] as EntityGroup;
    if (entity === null) {
      for (const target of equal) execution.missing.add(target);
      continue;
    }
    mergeAll(equal, entity, step.sharing.mayShare, execution.shared, execution.keepsTypename);
  }
}

const NONE: readonly number[] = [];

/** Entities that say to be of a type that cannot be that of the one they were asked for. */
function findForeign(
  entities: ReadonlyArray<Data | null>,
  groups: readonly EntityGroup[],
  { isSubtype }: Execution,
): number[] {
  const foreign: number[] = [];
  for (let index = 0; index < groups.length; index += 1) {
    const given = entities[index]?.['__typename'] ?? null;
    const known = groups[index]?.entities[0]?.['__typename'];
    if (given === null || given === known || typeof known !== 'string') continue;
    // A subgraph may know a type as an interface object only.
    const fits = typeof given === 'string' && (isSubtype(given, known) || isSubtype(known, given));
    if (!fits) foreign.push(index);
  }
  return foreign;
}

/**
 * Keeps what a subgraph was not asked for out of the fields of others. Objects of one answer mostly have the same members in the same order,
 * which is told by a look at the one before.
 */
function unaskedOf(members: ReadonlySet<string>): (object: Data) => void {
  const before: string[] = [];
  return (object) => {
    let at = 0;
    for (const name in object) {
      if (before[at] !== name) {
        if (name !== '__typename' && !members.has(name)) {
          Reflect.deleteProperty(object, name);
          continue;
        }
        before[at] = name;
      }
      at += 1;
    }
  };
}

function indexEntities(groups: readonly EntityGroup[]): EntityIndex {
  const indices = new Map<Data, number>();
  for (const [index, { entities }] of groups.entries()) for (const entity of entities) indices.set(entity, index);
  return (object) => indices.get(object);
}

/** The body up to the representations, or whole for root fields. */
function writeHead(step: FetchStep, variables: Readonly<Record<string, unknown>>): string {
  let head = step.bodyHead;
  let isFirst = true;
  for (const name of step.variables) {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value === undefined) continue;
    head += `${isFirst ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    isFirst = false;
  }
  return step.representations ? `${head}${isFirst ? '' : ','}"representations":[` : `${head}}}`;
}

function send(
  step: FetchStep,
  execution: Execution,
  representations: readonly Representation[] | null,
): Promise<SubgraphAnswer> {
  const { variables, context, client, signal, isGuarded } = execution;
  const request: SubgraphRequest = {
    subgraph: step.subgraph,
    graph: execution.graph,
    type: step.type,
    query: step.operation,
    operationName: step.operationName,
    head: step.fixedHead ?? writeHead(step, variables),
    representations,
    variables,
    variableNames: step.variables,
    signal,
    isGuarded,
    trace: context.traces?.of(step),
  };
  const fail = (error: unknown): SubgraphAnswer => {
    const { formatted } = toFetchError(error, step.subgraph);
    execution.restrict(null);
    return { data: null, errors: [formatted], policy: null };
  };
  const take = (answer: SubgraphAnswer): SubgraphAnswer => {
    execution.restrict(answer.policy);
    if (answer.isPlain !== true) execution.texts.arePlain = false;
    if (answer.isAscii !== true) execution.texts.areAscii = false;
    return answer;
  };
  try {
    return client.send(request, context).then(take, fail);
  } catch (error) {
    return Promise.resolve(fail(error));
  }
}
