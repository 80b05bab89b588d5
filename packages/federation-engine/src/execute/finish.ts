import type { CompiledOperation } from '../compile/operation.js';
import type { Violation } from '../compile/write/writer-run.js';
import { forOne, type CachePolicy } from '../subgraphs/cache-policy.js';
import type { Execution } from './execution.js';
import type { ExecutionError } from './fetch-errors.js';
import type { OperationResult } from './operation-result.js';
import { settleErrors } from './settle-errors.js';

export type AnswerForm = 'text' | 'value';

/** Writes what has been fetched as the answer. */
export function finish(operation: CompiledOperation, execution: Execution, form: AnswerForm = 'text'): OperationResult {
  if (form === 'value') return new ValueResult(operation, execution);
  const { root, conditions, shared, missing } = execution;
  const { text, violations, leftOut, objects } = operation.writers.whole(conditions)(
    root,
    shared,
    missing,
    execution.texts.arePlain,
  );
  return {
    data: text ?? 'null',
    // Names are ASCII (GraphQL, section 2.1.9), and all else has come from subgraphs.
    isAscii: execution.texts.areAscii,
    value: () => makeValue(operation, execution).value,
    ...settleErrors(execution.errors, violations),
    leftOut,
    objects,
    cachePolicy: keptPolicy(operation, execution),
    rest: null,
  };
}

/** How long an answer without errors may be kept: the least of what the subgraphs say. */
function keptPolicy({ type, isGuarded }: CompiledOperation, execution: Execution): CachePolicy | null {
  if (type !== 'query') return null;
  const policy = execution.cachePolicy();
  // What takes a token to see is for its viewer, whatever the subgraphs say.
  return policy && isGuarded ? forOne(policy) : policy;
}

function makeValue(operation: CompiledOperation, { root, conditions, shared, missing }: Execution) {
  return operation.writers.whole(conditions, 'value')(root, shared, missing);
}

/** The answer as a value, whose text is written when somebody reads it. No object literal: one that defines getters is a slow object for V8. */
class ValueResult implements OperationResult {
  readonly isAscii: boolean;
  readonly errors: readonly ExecutionError[];
  readonly violations: readonly Violation[];
  readonly leftOut: number;
  readonly objects: number;
  readonly cachePolicy: CachePolicy | null;
  readonly rest = null;
  readonly value: () => unknown;
  readonly #operation: CompiledOperation;
  readonly #execution: Execution;

  constructor(operation: CompiledOperation, execution: Execution) {
    const { value, violations, leftOut, objects } = makeValue(operation, execution);
    const settled = settleErrors(execution.errors, violations);
    this.isAscii = execution.texts.areAscii;
    this.errors = settled.errors;
    this.violations = settled.violations;
    this.leftOut = leftOut;
    this.objects = objects;
    this.cachePolicy = keptPolicy(operation, execution);
    this.#operation = operation;
    this.#execution = execution;
    let isTaken = false;
    // A caller that has got it may have changed it.
    this.value = () => {
      if (isTaken) return makeValue(operation, execution).value;
      isTaken = true;
      return value;
    };
  }

  get data(): string {
    const { root, conditions, shared, missing, texts } = this.#execution;
    return this.#operation.writers.whole(conditions)(root, shared, missing, texts.arePlain).text ?? 'null';
  }
}
