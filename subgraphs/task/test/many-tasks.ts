import { readFileSync } from 'node:fs';
import { withClient } from '@taskgraph/databases';

const FILL = readFileSync(new URL('many-tasks.sql', import.meta.url), 'utf8');

/** Who sees 100,000 of the tasks that {@link addManyTasks} makes. */
export const MANY_TASKS_OWNER = '00000000-0000-7000-8000-00000000000a';

/** Fills the table of tasks; its indexes are built afterwards, which takes a third of the time. */
export function addManyTasks(url: string): Promise<void> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string; definition: string }>(
      `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
       WHERE tablename = 'tasks' AND indexname NOT IN (SELECT conname FROM pg_constraint)`,
    );
    await client.query(rows.map(({ name }) => `DROP INDEX "${name}"`).join(';'));
    await client.query(FILL);
    await client.query(rows.map(({ definition }) => definition).join(';'));
    // Not among what defines an index: as the migration `search_statistics` has it.
    await client.query('ALTER INDEX "tasks_search_idx" ALTER COLUMN 1 SET STATISTICS 1000');
    await client.query('VACUUM (ANALYZE) tasks');
  });
}
