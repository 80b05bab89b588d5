import type { Step } from '../compile/plan/steps.js';
import type { Execution } from './execution.js';
import { runFetch } from './run-fetch.js';

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
