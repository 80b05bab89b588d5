import type { FetchStep, Step } from './steps.js';

/**
 * Joins the fetches of one stage that ask one subgraph for the same of entities at different places, such as the names of a task's owner and
 * of its assignee: they become one fetch, which sends each entity once wherever it stands.
 *
 * Left apart is what depends on more than the entity: deferred parts that wait for one of them, conditions, contexts, rewrites.
 */
export function joinFetches(step: Step): Step {
  switch (step.kind) {
    case 'fetch':
      return step;
    case 'sequence':
      return { ...step, steps: step.steps.map(joinFetches) };
    case 'parallel':
      return { ...step, steps: joinAlike(step.steps.map(joinFetches)) };
    case 'condition':
      return {
        ...step,
        ifTrue: step.ifTrue && joinFetches(step.ifTrue),
        ifFalse: step.ifFalse && joinFetches(step.ifFalse),
      };
    case 'defer':
      return {
        ...step,
        primary: { step: step.primary.step && joinFetches(step.primary.step) },
        deferred: step.deferred.map((part) => ({ ...part, step: part.step && joinFetches(part.step) })),
      };
  }
}

function joinAlike(steps: readonly Step[]): Step[] {
  const joined: Step[] = [];
  const places = new Map<string, number>();
  for (const step of steps) {
    const key = step.kind === 'fetch' ? keyOf(step) : null;
    const place = key === null ? undefined : places.get(key);
    if (place === undefined) {
      if (key !== null) places.set(key, joined.length);
      joined.push(step);
      continue;
    }
    const first = joined[place] as FetchStep;
    const { path, sharing } = step as FetchStep;
    joined[place] = {
      ...first,
      alsoAt: [...first.alsoAt, { path, sharesTargets: sharing.targets }],
      // What is brought later to one of the places is not brought to the others.
      sharing: { ...first.sharing, mayShare: () => false },
    };
  }
  return joined;
}

/** What two fetches have to have in common; null for one that is left apart. */
function keyOf(step: FetchStep): string | null {
  const { id, representations, conditions, outputRewrites, contexts } = step;
  if (representations === null || id !== null || conditions !== null) return null;
  const { required, rewrites } = representations(NO_VALUES);
  if (rewrites.length + outputRewrites.length + contexts.length > 0) return null;
  const { operation, operationName } = step;
  // The planner numbers the names.
  const nameless = operationName === undefined ? operation : operation.replace(`query ${operationName}`, 'query');
  return JSON.stringify([step.subgraph, step.type, nameless, step.variables, required]);
}

/** Without conditions, no value of a variable counts. */
const NO_VALUES: ReadonlyMap<string, boolean> = new Map();
