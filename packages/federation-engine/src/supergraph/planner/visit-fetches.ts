import type { FetchNode, PlanNode, SubscriptionNode } from '@apollo/query-planner';

/** Calls `visit` for each fetch of a plan. */
export function visitFetches(node: PlanNode | SubscriptionNode, visit: (fetch: FetchNode) => void): void {
  const inner = (one: PlanNode | undefined): void => {
    if (one) visitFetches(one, visit);
  };
  switch (node.kind) {
    case 'Fetch':
      return visit(node);
    case 'Sequence':
    case 'Parallel':
      return node.nodes.forEach(inner);
    case 'Flatten':
      return inner(node.node);
    case 'Condition':
      inner(node.ifClause);
      return inner(node.elseClause);
    case 'Defer':
      inner(node.primary.node);
      return node.deferred.forEach((part) => inner(part.node));
    case 'Subscription':
      visit(node.primary);
      return inner(node.rest);
  }
}
