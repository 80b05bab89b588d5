import type { GraphQLFormattedError } from 'graphql';
import { findNamedEntities } from './named-entities.js';
import type { CompiledOperation } from '../compile/operation.js';
import { placeErrors } from './fetch-errors.js';
import { finish } from './finish.js';
import { merge } from './merge.js';
import type { OperationResult } from './operation-result.js';
import { applyRewrites } from './rewrites.js';
import { createExecution, runNested, type RunOptions } from './run-operation.js';
import type { NamedEntities } from '../subgraphs/subgraph-client.js';
import type { Data } from '../request/data.js';

/** What a subgraph sent for a subscription: the result of its part of the operation. */
export interface SourceEvent {
  readonly data: Data | null;
  readonly errors: readonly GraphQLFormattedError[];
  /** Under which the host's tracing knows what has caused it. */
  readonly trace?: string;
}

interface EventOperations {
  /** What the subgraph was asked for. */
  readonly operation: CompiledOperation;
  /** The same, or one that withholds more. */
  readonly shown: CompiledOperation;
}

/**
 * Runs the rest of a subscription's plan for one event, whose data become the root of the answer. The data are used up.
 * Never throws for what subgraphs do.
 */
export async function runEvent(
  { operation, shown }: EventOperations,
  { data, errors }: SourceEvent,
  options: Omit<RunOptions, 'incremental' | 'form'>,
): Promise<OperationResult> {
  const { primary } = operation;
  if (!primary) throw new Error('the operation is no subscription');
  const execution = createExecution(operation, options);
  const { root } = execution;
  // What follows on another selection at the subgraph would not find what it needs.
  const { step } = shown.primary?.operation === primary.operation ? shown : operation;
  if (errors.length > 0) execution.report(placeErrors(errors, primary, { ...execution, indexOf: null, came: data }));
  if (data) {
    // What it was in is not known here.
    execution.texts.arePlain = false;
    execution.texts.areAscii = false;
    applyRewrites(primary.outputRewrites, data);
    merge(root, data, execution.keepsTypename);
    if (step) await runNested(step, execution);
  }
  return finish(shown, execution);
}

/** Finds what an event tells of, so that nothing older is believed of it. Leaves the data as they are. */
export function entitiesOf(operation: CompiledOperation, data: Data): NamedEntities {
  const rewrites = operation.primary?.outputRewrites ?? [];
  let root = data;
  if (rewrites.length > 0) {
    root = structuredClone(data);
    applyRewrites(rewrites, root);
  }
  return findNamedEntities(operation.entityNames, root);
}
