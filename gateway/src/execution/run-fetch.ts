import type { FetchStep } from '../planning/steps.js';
import type { Execution } from './execution.js';
import { placeErrors, toFetchError, type EntityIndex } from './fetch-errors.js';
import { merge } from './merge.js';
import { compileRepresentation, type RepresentationWriter } from './representations.js';
import { applyRewrites } from './rewrites.js';
import type { SubgraphAnswer } from './subgraph-client.js';
import { collectTargets, type Data } from './targets.js';

/** Writers are compiled at a step's first use and live as long as the step. */
const writers = new WeakMap<FetchStep, RepresentationWriter>();

/**
 * Runs one fetch and merges its results into the answer. It never throws: a fetch that fails costs its own fields, and
 * each of them gets an error.
 */
export async function runFetch(step: FetchStep, execution: Execution): Promise<void> {
  if (step.requires) await fetchEntities(step, execution);
  else await fetchRootFields(step, execution);
}

async function fetchRootFields(step: FetchStep, execution: Execution): Promise<void> {
  const targets = collectTargets(execution.root, step.path, execution.shared);
  if (targets.length === 0) return;
  const { data, errors } = await send(step, execution, '');
  if (errors.length > 0)
    execution.report(placeErrors(errors, step, { root: execution.root, indexOf: null, lost: data === null }));
  if (!data) return;
  applyRewrites(step.outputRewrites, data, execution.isSubtype);
  const [target] = targets;
  if (target && targets.length === 1) merge(target, data, execution.shared);
  // Nobody plans root fields for several objects; if it happens, each gets its own copy.
  else for (const each of targets) merge(each, structuredClone(data), execution.shared);
}

/**
 * Fetches what a subgraph knows of entities. Equal representations are sent once, and what comes for one is merged into
 * every entity that it stands for. Objects inside then stand at several places: they are entered in `execution.shared`,
 * which makes later stages fill and write them once. This is sound because all their places have the same path but for
 * list indices, so that every later fetch and the writer treat them alike; and `merge` copies before anything is brought
 * for one of the places alone.
 */
async function fetchEntities(step: FetchStep, execution: Execution): Promise<void> {
  const targets = collectTargets(execution.root, step.path, execution.shared);
  const writer = writerOf(step, execution);
  const indices = new Map<string, number>();
  const groups: Data[][] = [];
  for (const target of targets) {
    const representation = writer(target);
    if (representation === null) continue;
    const index = indices.get(representation);
    if (index === undefined) {
      indices.set(representation, groups.length);
      groups.push([target]);
    } else {
      groups[index]?.push(target);
    }
  }
  if (groups.length === 0) return;

  const { data, errors } = await send(step, execution, `[${[...indices.keys()].join(',')}]`);
  const entities = data?.['_entities'];
  const whole = Array.isArray(entities) && entities.length === groups.length;
  if (errors.length > 0) {
    const indexOf = indexEntities(groups);
    execution.report(placeErrors(errors, step, { root: execution.root, indexOf, lost: !whole }));
  }
  if (!whole) {
    if (errors.length === 0) fail(step, execution, indexEntities(groups));
    return;
  }
  for (const [index, group] of groups.entries()) {
    const entity = entities[index] as Data | null;
    if (typeof entity !== 'object' || entity === null) continue;
    entity['__typename'] ??= group[0]?.['__typename'];
    applyRewrites(step.outputRewrites, entity, execution.isSubtype);
    if (group.length > 1) share(entity, execution.shared);
    for (const target of group) merge(target, entity, execution.shared);
  }
}

function share(entity: Data, shared: Set<object>): void {
  for (const value of Object.values(entity)) if (typeof value === 'object' && value !== null) shared.add(value);
}

function indexEntities(groups: readonly Data[][]): EntityIndex {
  const indices = new Map<Data, number>();
  for (const [index, group] of groups.entries()) for (const target of group) indices.set(target, index);
  return (object) => indices.get(object);
}

function writerOf(step: FetchStep, execution: Execution): RepresentationWriter {
  let writer = writers.get(step);
  if (!writer) {
    writer = compileRepresentation(step.requires ?? [], step.inputRewrites, execution.isSubtype);
    writers.set(step, writer);
  }
  return writer;
}

/** A list of another length than was asked for says nothing about which entity is which. */
function fail(step: FetchStep, execution: Execution, indexOf: EntityIndex): void {
  const error = { message: `The ${step.subgraph} service did not answer for every entity.` };
  execution.report(placeErrors([error], step, { root: execution.root, indexOf, lost: true }));
}

async function send(step: FetchStep, execution: Execution, representations: string): Promise<SubgraphAnswer> {
  const { variables, context, client, signal } = execution;
  let values = '';
  for (const name of step.variables) {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value !== undefined) values += `${values === '' ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
  }
  if (representations !== '') values += `${values === '' ? '' : ','}"representations":${representations}`;
  try {
    return await client.send(
      {
        subgraph: step.subgraph,
        type: step.type,
        query: step.operation,
        operationName: step.operationName,
        body: `${step.bodyHead}${values}}}`,
        variables,
        signal,
      },
      context,
    );
  } catch (error) {
    const { formatted } = toFetchError(error, step.subgraph);
    return { data: null, errors: [formatted] };
  }
}
