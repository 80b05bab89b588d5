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

/** A copy: the plan itself is run. */
function withoutTexts<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutTexts) as Value;
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === TREE) continue;
    copy[key] = key === TEXT && typeof inner === 'string' ? hideTexts(inner) : withoutTexts(inner as unknown);
  }
  return copy as Value;
}

function hideTexts(operation: string): string {
  const hidden = { kind: Kind.STRING, value: '…' } as const;
  return print(visit(parse(operation, { noLocation: true }), { StringValue: { leave: () => hidden } }));
}
