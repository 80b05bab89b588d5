/** A query plan as the gateway shows it in JSON: the nodes of Apollo's query planner. */
export interface QueryPlan {
  readonly kind: 'QueryPlan';
  readonly node?: PlanNode | null;
}

export type PlanNode =
  | { readonly kind: 'Sequence' | 'Parallel'; readonly nodes: readonly PlanNode[] }
  | FetchNode
  | { readonly kind: 'Flatten'; readonly path: ReadonlyArray<string | number>; readonly node: PlanNode }
  | {
      readonly kind: 'Condition';
      readonly condition: string;
      readonly ifClause?: PlanNode | null;
      readonly elseClause?: PlanNode | null;
    }
  | {
      readonly kind: 'Defer';
      readonly primary: { readonly node?: PlanNode | null };
      readonly deferred: ReadonlyArray<{ readonly label?: string | null; readonly node?: PlanNode | null }>;
    }
  | { readonly kind: 'Subscription'; readonly primary: FetchNode; readonly rest?: PlanNode | null };

export interface FetchNode {
  readonly kind: 'Fetch';
  readonly serviceName: string;
  readonly operation: string;
  /** Of which entities the fetch needs the keys; nothing for a fetch of root fields. */
  readonly requires?: ReadonlyArray<{ readonly typeCondition?: string }> | null;
}

/** Whether a value that came over the network can be drawn. */
export function isQueryPlan(value: unknown): value is QueryPlan {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'QueryPlan';
}
