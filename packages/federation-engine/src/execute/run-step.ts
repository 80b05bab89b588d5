import type { Step } from '../compile/plan/steps.js';
import type { Execution } from './execution.js';
import { runFetch } from './run-fetch.js';

/** Runs a step and everything below it; undefined when that needed no time. Never throws: what fails is reported. */
export function runStep(step: Step, execution: Execution): Promise<unknown> | undefined {
  switch (step.kind) {
    case 'fetch':
      return runFetch(step, execution);
    case 'sequence':
      return runInOrder(step.steps, execution);
    case 'parallel':
      return Promise.all(step.steps.map((inner) => runStep(inner, execution) ?? DONE));
    case 'condition': {
      const branch = execution.conditions.get(step.variable) === true ? step.ifTrue : step.ifFalse;
      return branch ? runStep(branch, execution) : undefined;
    }
    case 'defer':
      throw new Error('Deferred parts are run by their own stage.');
  }
}

const DONE = Promise.resolve();

async function runInOrder(steps: readonly Step[], execution: Execution): Promise<void> {
  for (const step of steps) await runStep(step, execution);
}
