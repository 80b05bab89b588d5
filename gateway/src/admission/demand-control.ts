import type { GraphQLFormattedError } from 'graphql';
import { evaluate, type Amount, type Variables } from '@taskgraph/federation-engine/internal/compile/cost/amounts.js';
import type { Operation } from '@taskgraph/federation-engine/internal/compile/operation.js';
import { Refusal, refusalOf } from '@taskgraph/federation-engine/internal/request/refusal.js';
import type { SubgraphCosts } from '@taskgraph/federation-engine/internal/compile/cost/subgraph-costs.js';
import type { OperationFacts } from '@taskgraph/federation-engine/internal/compile/valid-operation.js';

export interface DemandControlOptions {
  /** Whether what may cost more is refused, only counted, or not even estimated. */
  readonly mode: 'enforce' | 'measure' | 'off';
  readonly maxCost: number;
  /** Of what one operation asks of a subgraph; infinite where that has no limit. */
  readonly maxSubgraphCost: (subgraph: string) => number;
}

/** Admits operations by what their answers may cost (Federation 2.9, "Demand control"). */
export interface DemandControl {
  /** By what is known before planning; returns the estimate, null when it is off. @throws Refusal */
  admit(operation: OperationFacts, variables: Variables): number | null;
  /** By what the plan asks of each subgraph. @throws Refusal */
  admitPlan(operation: Operation, variables: Variables): void;
}

/** @param onTooExpensive told of each operation over a limit, whether it is refused or not, and whose limit it is */
export function createDemandControl(
  { mode, maxCost, maxSubgraphCost }: DemandControlOptions,
  onTooExpensive: (subgraph: string | null) => void,
): DemandControl {
  /** Of a plan, found out once. */
  const known = new WeakMap<SubgraphCosts, readonly Bound[]>();

  function boundsOf({ subgraphCosts }: Operation): readonly Bound[] {
    let bounds = known.get(subgraphCosts);
    if (!bounds) known.set(subgraphCosts, (bounds = readBounds(subgraphCosts, maxSubgraphCost)));
    return bounds;
  }

  return {
    admit({ cost }, variables) {
      if (mode === 'off') return null;
      const fault = mode === 'enforce' ? cost.fault(variables) : null;
      if (fault !== null)
        throw refusalOf('OPERATION_REJECTED', [{ message: fault, extensions: { reason: 'SLICING_ARGUMENT' } }]);
      const estimated = cost.estimate(variables);
      if (estimated > maxCost) {
        onTooExpensive(null);
        if (mode === 'enforce') throw tooExpensive(estimated, maxCost, null);
      }
      return estimated;
    },
    admitPlan(operation, variables) {
      if (mode === 'off') return;
      for (const { subgraph, cost, max } of boundsOf(operation)) {
        const estimated = evaluate(cost, variables);
        if (estimated <= max) continue;
        onTooExpensive(subgraph);
        if (mode === 'enforce') throw tooExpensive(estimated, max, subgraph);
      }
    },
  };
}

/** What a plan may cost a subgraph that has a limit, and the limit. */
interface Bound {
  readonly subgraph: string;
  readonly cost: Amount;
  readonly max: number;
}

/** Where no variable decides, and the limit is kept, nothing is left to be looked at for each request. */
function readBounds(costs: SubgraphCosts, maxOf: (subgraph: string) => number): Bound[] {
  return [...costs].flatMap(([subgraph, cost]) => {
    const max = maxOf(subgraph);
    const isKept = max === Infinity || (typeof cost === 'number' && cost <= max);
    return isKept ? [] : [{ subgraph, cost, max }];
  });
}

function tooExpensive(estimated: number, max: number, subgraph: string | null): Refusal {
  const what = subgraph === null ? 'An operation' : `What an operation asks of ${subgraph}`;
  const error: GraphQLFormattedError = {
    message: `${what} costs at most ${max}; this one may cost ${estimated}. Ask for fewer items, or for less of each.`,
    extensions: {
      code: 'COST_ESTIMATED_TOO_EXPENSIVE',
      ...(subgraph !== null && { subgraph }),
      cost: { estimated, max },
    },
  };
  return new Refusal('COST_ESTIMATED_TOO_EXPENSIVE', [error]);
}
