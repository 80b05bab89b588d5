import { Kind, OperationTypeNode, parse, type OperationDefinitionNode, type SelectionSetNode } from 'graphql';
import { evaluate, greatest, product, sum, where, type Amount, type Variables } from './amounts.js';
import { nameOf } from '../plan/compile-path.js';
import type { CostModel } from './cost-model.js';
import { costOfSelections, MUTATION_COST, readerOf, type CostReader } from './estimate-cost.js';
import { fragmentsOf } from '../document/measure-document.js';
import type { FetchStep, Step } from '../plan/steps.js';

/** What an operation may cost each subgraph, by its name; never below zero. A number where no variable decides about it. */
export type SubgraphCosts = ReadonlyMap<string, Amount>;

/**
 * Prepares the estimate of a plan: what each fetch selects, as often as there are objects that it is made for. Keys and
 * required fields count where they are fetched; equal entities, which are fetched once, count as often as they stand in the
 * answer.
 */
export function prepareSubgraphCosts(
  model: CostModel,
  node: OperationDefinitionNode,
  steps: ReadonlyArray<Step | null>,
): SubgraphCosts {
  const read = readerOf(node);
  const counts = new Map<string, Amount>([['', 1]]);
  const bySubgraph = new Map<string, Amount[]>();

  function visit(step: Step | null, limit: (amount: Amount) => Amount): void {
    switch (step?.kind) {
      case undefined:
        return;
      case 'sequence':
      case 'parallel':
        for (const inner of step.steps) visit(inner, limit);
        return;
      case 'condition': {
        const { variable } = step;
        const holds = (variables: Variables) => read(variable, variables) === true;
        visit(step.ifTrue, (amount) => limit(where(holds, amount)));
        visit(step.ifFalse, (amount) => limit(where((variables) => !holds(variables), amount)));
        return;
      }
      case 'defer':
        visit(step.primary.step, limit);
        for (const part of step.deferred) visit(part.step, limit);
        return;
      case 'fetch': {
        const amounts = bySubgraph.get(step.subgraph) ?? [];
        amounts.push(limit(costOfFetch(step)));
        bySubgraph.set(step.subgraph, amounts);
      }
    }
  }

  function costOfFetch(step: FetchStep): Amount {
    const document = parse(step.operation, { noLocation: true });
    const base = nameOf(step.path);
    const reader: CostReader = {
      model,
      fragments: fragmentsOf(document),
      read,
      onObjects(place, count) {
        const known = counts.get(place);
        counts.set(place, known === undefined ? count : greatest(known, count));
      },
    };
    const objects = countAt(base);
    const definition = document.definitions.find((each) => each.kind === Kind.OPERATION_DEFINITION);
    if (!definition) return 0;
    const entities = entitiesOf(definition.selectionSet);
    if (entities) return product(objects, costOfEntities(reader, entities, base, objects));
    const root = model.schema.getRootType(step.type);
    const own = root ? costOfSelections(reader, root.name, [definition.selectionSet], base, objects) : 0;
    return sum([step.type === OperationTypeNode.MUTATION ? MUTATION_COST : 0, product(objects, own)]);
  }

  /** Of a place that no fetch has told of, what is known of the place around it. */
  function countAt(place: string): Amount {
    for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
      const count = counts.get(at);
      if (count !== undefined) return count;
    }
  }

  for (const step of steps) visit(step, (amount) => amount);
  return new Map([...bySubgraph].map(([subgraph, amounts]) => [subgraph, greatest(0, sum(amounts))]));
}

/** What an operation costs each subgraph with the variables of a request. */
export function evaluateCosts(costs: SubgraphCosts, variables: Variables): Record<string, number> {
  return Object.fromEntries([...costs].map(([subgraph, amount]) => [subgraph, evaluate(amount, variables)]));
}

function entitiesOf({ selections }: SelectionSetNode): SelectionSetNode | null {
  for (const selection of selections)
    if (selection.kind === Kind.FIELD && selection.name.value === '_entities') return selection.selectionSet ?? null;
  return null;
}

/** Of one entity, whatever its type: the dearest of those that are asked for. */
function costOfEntities(reader: CostReader, { selections }: SelectionSetNode, base: string, count: Amount): Amount {
  let dearest: Amount = 0;
  for (const selection of selections) {
    if (selection.kind !== Kind.INLINE_FRAGMENT || !selection.typeCondition) continue;
    const { value: type } = selection.typeCondition.name;
    const inner = costOfSelections(reader, type, [selection.selectionSet], base, count);
    dearest = greatest(dearest, sum([reader.model.typeWeight(type), inner]));
  }
  return dearest;
}
