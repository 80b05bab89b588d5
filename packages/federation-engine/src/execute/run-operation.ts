import { restrict, type CachePolicy } from '../subgraphs/cache-policy.js';
import { findNamedEntities } from './named-entities.js';
import type { CancelSignal } from '../request/cancellation.js';
import type { OperationContext } from '../request/context.js';
import { conditionsOf } from '../compile/conditions.js';
import type { CompiledOperation } from '../compile/operation.js';
import type { DeferStep, Step } from '../compile/plan/steps.js';
import { runDeferred } from './deferred.js';
import type { Execution } from './execution.js';
import type { ExecutionError } from './fetch-errors.js';
import { finish, type AnswerForm } from './finish.js';
import type { OperationResult } from './operation-result.js';
import { runStep } from './run-step.js';
import type { SubgraphClient } from '../subgraphs/subgraph-client.js';
import type { Data } from '../request/data.js';

export interface RunOptions {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: OperationContext;
  readonly client: SubgraphClient;
  readonly signal: CancelSignal;
  /** Whether the client reads an answer in parts. */
  readonly incremental: boolean;
  /** What is made of an answer at once; the other one is when it is asked for. Text when absent. */
  readonly form?: AnswerForm | undefined;
}

/** Runs an operation whose variables fit. Never throws for what subgraphs do. */
export async function runOperation(operation: CompiledOperation, options: RunOptions): Promise<OperationResult> {
  const execution = createExecution(operation, options);
  const { root, conditions } = execution;
  const ofSchema = operation.introspection?.(conditions, options.variables);
  if (ofSchema) {
    execution.texts.arePlain = false;
    execution.texts.areAscii = false;
    Object.assign(root, ofSchema);
  }

  const step = operation.step && chooseBranch(operation.step, conditions);
  if (step?.kind === 'defer' && options.incremental) return runDeferred(operation, step, execution);
  if (step) await runNested(step, execution);
  if (operation.type === 'mutation') await options.client.invalidate?.(findNamedEntities(operation.entityNames, root));
  return finish(operation, execution, options.form);
}

/** Of an answer that nothing has been fetched for yet. */
const UNRESTRICTED: CachePolicy = {
  audience: 'EVERYBODY',
  askedAt: Infinity,
  sharedUntil: Infinity,
  privateUntil: Infinity,
  mustRevalidate: false,
};

export function createExecution(
  operation: CompiledOperation,
  { variables, context, client, signal }: Omit<RunOptions, 'incremental' | 'form'>,
): Execution {
  const errors: ExecutionError[] = [];
  let cachePolicy: CachePolicy | null = UNRESTRICTED;
  const root: Data = {};
  return {
    root,
    shared: new Set(),
    missing: new Set(),
    errors,
    texts: { arePlain: true, areAscii: true },
    graph: operation.graph,
    variables,
    conditions: conditionsOf(operation, variables),
    isGuarded: operation.isGuarded,
    context,
    client,
    isSubtype: operation.graph.isSubtype,
    keepsTypename: operation.graph.keepsTypename,
    clientPath: operation.clientPath,
    signal,
    report: (more) => void errors.push(...more),
    restrict: (policy) => {
      cachePolicy = cachePolicy === UNRESTRICTED ? policy : restrict(cachePolicy, policy);
    },
    cachePolicy: () => (cachePolicy === UNRESTRICTED ? null : cachePolicy),
  };
}

/** A plan with `@defer(if: $variable)` begins with conditions; what is deferred stands at the top of the branch. */
function chooseBranch(step: Step, conditions: ReadonlyMap<string, boolean>): Step | null {
  if (step.kind !== 'condition') return step;
  const branch = conditions.get(step.variable) === true ? step.ifTrue : step.ifFalse;
  return branch && chooseBranch(branch, conditions);
}

/** For clients that read one answer only, deferred parts are run at once: `@defer` is a wish. */
async function runWhole(step: DeferStep, execution: Execution): Promise<void> {
  if (step.primary.step) await runNested(step.primary.step, execution);
  await Promise.all(step.deferred.map(async (part) => part.step && runNested(part.step, execution)));
}

export function runNested(step: Step, execution: Execution): Promise<unknown> | undefined {
  return step.kind === 'defer' ? runWhole(step, execution) : runStep(step, execution);
}
