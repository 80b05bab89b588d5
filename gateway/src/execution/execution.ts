import type { GatewayContext } from '../context.js';
import type { Step } from '../planning/steps.js';
import type { ExecutionError } from './fetch-errors.js';
import type { IsSubtype } from './rewrites.js';
import { runFetch } from './run-fetch.js';
import type { SubgraphClient } from './subgraph-client.js';
import type { Data } from './targets.js';

/** One run of a plan. */
export interface Execution {
  /** The answer as it grows: merged data of all fetches, with what the planner asked for beside what the client did. */
  readonly root: Data;
  /** Objects that stand at several places of the answer. */
  readonly shared: Set<object>;
  readonly errors: ExecutionError[];
  /** As the client sent them: subgraphs know the defaults. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Boolean variables that decide about steps and selections. */
  readonly conditions: ReadonlyMap<string, boolean>;
  readonly context: GatewayContext;
  readonly client: SubgraphClient;
  readonly isSubtype: IsSubtype;
  /** Aborts when the client goes away or the operation's time is up. */
  readonly signal: AbortSignal;
  report(errors: readonly ExecutionError[]): void;
  /** Set while deferred parts are wanted: called with the id of each fetch that is done. */
  readonly fetched?: (id: string) => void;
}

/** Runs a step and everything below it. Never throws: what fails is reported. */
export async function runStep(step: Step, execution: Execution): Promise<void> {
  switch (step.kind) {
    case 'fetch':
      await runFetch(step, execution);
      if (step.id !== null) execution.fetched?.(step.id);
      return;
    case 'sequence':
      for (const inner of step.steps) await runStep(inner, execution);
      return;
    case 'parallel':
      await Promise.all(step.steps.map((inner) => runStep(inner, execution)));
      return;
    case 'condition': {
      const branch = execution.conditions.get(step.variable) === true ? step.ifTrue : step.ifFalse;
      if (branch) await runStep(branch, execution);
      return;
    }
    case 'defer':
      throw new Error('Deferred parts are run by their own stage.');
  }
}
