import { describe, expect, it } from '@jest/globals';
import type { QueryPlan } from '@apollo/query-planner';
import { planText, planTextForLogs } from './plan-text.js';

const fetchOf = (operation: string) => ({
  kind: 'Fetch',
  serviceName: 'auth',
  variableUsages: ['email'],
  operation,
  operationDocumentNode: { kind: 'Document', definitions: [] },
});
const newPlan = () =>
  ({
    kind: 'QueryPlan',
    node: {
      kind: 'Sequence',
      nodes: [
        fetchOf('mutation($email:String!){login(email:$email,password:"correct horse",tries:3){id}}'),
        { kind: 'Flatten', path: ['login'], node: { ...fetchOf('{me{note(text:"""battery staple""")}}'), id: null } },
      ],
    },
  }) as unknown as QueryPlan;

describe('the text of a plan', () => {
  it('has no text of its client in it where it is for logs, and all else', () => {
    const plan = newPlan();
    const whole = planText(plan);
    const logged = planTextForLogs(plan);
    expect(whole).toMatch(/correct horse[^]*battery staple/);
    expect(logged).toBe(
      whole.replace('correct horse', '…').replace(/"""\s*battery staple\s*"""|"battery staple"/, '"…"'),
    );
    expect(logged).toMatch(/tries: 3[^]*Flatten/);
  });

  it('leaves the plan as it is run', () => {
    const plan = newPlan();
    planTextForLogs(plan);
    expect(plan).toEqual(newPlan());
  });
});
