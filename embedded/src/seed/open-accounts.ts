import { withClient, type Cluster } from '@taskgraph/databases';
import { LaunchError } from '../launch-error.js';
import { PEOPLE } from './demo-people.js';

/**
 * Refuses to let others in where an earlier start of this folder has made the demo accounts, and their passwords are still those that everybody
 * knows.
 *
 * @throws LaunchError
 */
export async function assertNoOpenAccounts(cluster: Pick<Cluster, 'url'>, host: string): Promise<void> {
  const open = await findOpenAccounts(cluster);
  if (open.length === 0) return;
  throw new LaunchError(
    `HOST=${host} lets others in, and everybody knows the password of ${open.join(' and ')}, which an earlier start here has made.`,
    [
      'Another folder for their data:  TASKGRAPH_DATA_DIR=… npm start',
      'Start over without them, which removes all data here:  npm start -- --reset --no-seed',
      'Let others log in with them:  SEED_DEMO=1 npm start',
    ],
  );
}

/** @returns the addresses of demo accounts that are there with the passwords of the documentation */
async function findOpenAccounts(cluster: Pick<Cluster, 'url'>): Promise<string[]> {
  const people = Object.values(PEOPLE);
  const { rows } = await withClient(cluster.url('auth'), (client) =>
    client.query<{ email: string; password_hash: string }>(
      'SELECT email, password_hash FROM users WHERE email = ANY($1) ORDER BY email',
      [people.map(({ email }) => email)],
    ),
  );
  if (rows.length === 0) return [];
  const { isPasswordOf } = await import('@taskgraph/auth/commands');
  const open: string[] = [];
  for (const { email, password_hash: hash } of rows) {
    const { password = '' } = people.find((person) => person.email === email) ?? {};
    if (await isPasswordOf(hash, password)) open.push(email);
  }
  return open;
}
