import { prettyFormatQueryPlan, type QueryPlan } from '@apollo/query-planner';

const texts = new WeakMap<QueryPlan, string>();

/** A plan as people read it. Written once: when the machine is overloaded, every operation is slow and logs its plan. */
export function planText(plan: QueryPlan): string {
  let text = texts.get(plan);
  if (text === undefined) {
    text = prettyFormatQueryPlan(plan);
    texts.set(plan, text);
  }
  return text;
}
