import { withClient } from '@taskgraph/databases';
import pg from 'pg';
import type { SentStatement } from './sent-statements.js';

/** A node of EXPLAIN's JSON. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly 'Heap Fetches'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Runs a statement again and tells how: a prepared one by the plan that is made without its values, another by that for them. */
export function explainStatement(url: string, { text, values, name }: SentStatement): Promise<PlanNode> {
  const how = 'EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON)';
  return withClient(url, async (client) => {
    const plans = async () => {
      if (name === undefined) return client.query(`${how} ${text}`, [...values]);
      await client.query('SET plan_cache_mode = force_generic_plan');
      await client.query(`PREPARE read AS ${text}`);
      return client.query(
        values.length === 0 ? `${how} EXECUTE read` : `${how} EXECUTE read(${values.map(toLiteral).join(', ')})`,
      );
    };
    const { rows } = await plans();
    return rows[0]['QUERY PLAN'][0].Plan;
  });
}

export function allPlanNodes(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(allPlanNodes)];
}

/** The rows that a plan reads of a table, those included that it drops again. */
export function rowsRead(plan: PlanNode, table: string): number {
  return allPlanNodes(plan)
    .filter((node) => node['Relation Name'] === table)
    .reduce(
      (sum, node) => sum + node['Actual Loops'] * (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)),
      0,
    );
}

/** As pg writes a parameter. */
function toLiteral(value: unknown): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return pg.escapeLiteral(`{${value.join(',')}}`);
  return pg.escapeLiteral(value as string);
}
