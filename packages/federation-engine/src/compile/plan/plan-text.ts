import { prettyFormatQueryPlan, type QueryPlan } from '@apollo/query-planner';
import { Kind, parse, print, visit } from 'graphql';

const texts = new WeakMap<QueryPlan, string>();
const textsForLogs = new WeakMap<QueryPlan, string>();

/** A plan as people read it. Written once: when the machine is overloaded, every operation is slow and logs its plan. */
export function planText(plan: QueryPlan): string {
  return once(texts, plan, prettyFormatQueryPlan);
}

/** The same without the texts that its client has written into the operation: passwords and tokens may stand there, and logs are no place for them. */
export function planTextForLogs(plan: QueryPlan): string {
  return once(textsForLogs, plan, (whole) => prettyFormatQueryPlan(withoutTexts(whole)));
}

function once(known: WeakMap<QueryPlan, string>, plan: QueryPlan, write: (plan: QueryPlan) => string): string {
  let text = known.get(plan);
  if (text === undefined) {
    text = write(plan);
    known.set(plan, text);
  }
  return text;
}

/** What a fetch sends; the tree of it is for those who run the plan. */
const TEXT = 'operation';
const TREE = 'operationDocumentNode';

function withoutTexts(plan: QueryPlan): QueryPlan {
  return JSON.parse(
    JSON.stringify(plan, (key, value: unknown) => {
      if (key === TREE) return undefined;
      return key === TEXT && typeof value === 'string' ? hideTexts(value) : value;
    }),
  ) as QueryPlan;
}

function hideTexts(operation: string): string {
  const hidden = { kind: Kind.STRING, value: '…' } as const;
  return print(visit(parse(operation, { noLocation: true }), { StringValue: { leave: () => hidden } }));
}
