/**
 * What every session with a database has to have in common, whatever the server, the database or the role prefers: Prisma writes
 * and reads instants without their offset, so in another zone they come back as others.
 *
 * PgBouncer knows these two among the options of a start-up packet.
 */
const SESSION_OPTIONS = '-c TimeZone=UTC -c DateStyle=ISO,MDY';

/**
 * Returns the URL of a database with the options that its sessions need. They are those of the session itself, so `RESET ALL`
 * comes back to them. Options that the URL has already stay, and give way where they contradict.
 *
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
 */
export function databaseSession(url: string): string {
  const session = new URL(url);
  const given = session.searchParams.get('options');
  if (given?.endsWith(SESSION_OPTIONS)) return url;
  session.searchParams.set('options', given ? `${given} ${SESSION_OPTIONS}` : SESSION_OPTIONS);
  return session.href;
}
