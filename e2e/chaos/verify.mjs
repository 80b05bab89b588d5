import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '@taskgraph/databases';
import { isProcessed, verifyFiles } from './verify-files.mjs';

const rowsOf = (database, sql, values = []) =>
  withClient(database.url, async (client) => (await client.query(sql, values)).rows);

const CONSUMED = ['task.media-attached.v1', 'task.media-detached.v1', 'task.deleted.v1'];

/** Waits until every event has been published and handled, and every subscriber has caught up. Returns false after the time. */
export async function settle(databases, followers, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (await isQuiet(databases, followers)) return true;
    await delay(250);
  }
  return false;
}

async function isQuiet(databases, followers) {
  if (!(await isProcessed(databases.media))) return false;
  for (const database of Object.values(databases))
    if ((await rowsOf(database, 'SELECT 1 FROM outbox WHERE published_at IS NULL LIMIT 1')).length > 0) return false;
  const events = await rowsOf(databases.task, 'SELECT id FROM outbox WHERE type = ANY($1)', [CONSUMED]);
  const handled = new Set((await rowsOf(databases.media, 'SELECT event_id FROM inbox')).map((row) => row.event_id));
  if (events.some(({ id }) => !handled.has(id))) return false;
  for (const { taskId, seen } of followers)
    if (seen.at(-1)?.eventId !== (await attachments(databases.task, taskId)).at(-1)?.id) return false;
  return true;
}

function attachments(database, taskId) {
  return rowsOf(
    database,
    `SELECT id, data->>'mediaId' AS "mediaId" FROM outbox WHERE subject = $1 AND type = 'task.media-attached.v1' ORDER BY position`,
    [taskId],
  );
}

/** Compares what was acknowledged, stored, published, applied and seen. Returns what does not hold. */
export async function verify(databases, acknowledged, followers, store) {
  const faults = await verifyFiles(databases.media, acknowledged.UploadMedia, store);
  const changes = await rowsOf(
    databases.task,
    `SELECT id, type, data->>'taskId' AS "taskId", data->>'mediaId' AS "mediaId" FROM outbox WHERE type = ANY($1) ORDER BY position`,
    [CONSUMED],
  );
  const relations = new Set(
    (await rowsOf(databases.task, 'SELECT task_id, media_id FROM task_media')).map(
      (row) => `${row.task_id} ${row.media_id}`,
    ),
  );
  const references = new Set(
    (await rowsOf(databases.media, 'SELECT task_id, media_id FROM media_references')).map(
      (row) => `${row.task_id} ${row.media_id}`,
    ),
  );

  // Each pair's events alternate, and end where the relation stands.
  const attached = new Map();
  const everAttached = new Set();
  for (const { id, type, taskId, mediaId } of changes) {
    const pair = `${taskId} ${mediaId}`;
    const attaches = type === 'task.media-attached.v1';
    if (attaches === (attached.get(pair) ?? false))
      faults.push(`event ${id} (${type}) of ${pair} repeats the one before`);
    attached.set(pair, attaches);
    if (attaches) everAttached.add(pair);
  }
  for (const pair of new Set([...relations, ...attached.keys()]))
    if (relations.has(pair) !== (attached.get(pair) ?? false))
      faults.push(`the relation ${pair} and its events differ`);
  for (const { taskId, mediaId } of acknowledged.AttachMedia)
    if (!everAttached.has(`${taskId} ${mediaId}`))
      faults.push(`the acknowledged attachment ${taskId} ${mediaId} has no event`);

  // Applied once each: the inbox has every id, and the effects are those of the last event.
  const inbox = new Map(
    (await rowsOf(databases.media, 'SELECT event_id, count(*)::int AS count FROM inbox GROUP BY event_id')).map(
      (row) => [row.event_id, row.count],
    ),
  );
  for (const { id } of changes)
    if (inbox.get(id) !== 1) faults.push(`event ${id} was applied ${inbox.get(id) ?? 0} times`);
  for (const pair of new Set([...relations, ...references]))
    if (relations.has(pair) !== references.has(pair))
      faults.push(`media's reference ${pair} differs from the relation`);
  for (const [name, database] of Object.entries(databases)) {
    const dead = await rowsOf(database, 'SELECT event_id, error FROM dead_letters');
    for (const { event_id: id, error } of dead) faults.push(`${name} has the dead letter ${id}: ${error}`);
  }

  for (const { taskId, seen } of followers) {
    const all = (await attachments(databases.task, taskId)).map(({ id }) => id);
    const got = seen.map(({ eventId }) => eventId);
    // From the first that it saw on: what was before, it had not asked for.
    const expected = all.slice(all.indexOf(got[0]));
    if (JSON.stringify(expected) !== JSON.stringify(got))
      faults.push(
        `the subscriber of ${taskId} saw ${got.length} events, ${new Set(got).size} different; there are ${expected.length}`,
      );
  }
  return { faults, events: changes.length, relations: relations.size };
}

/**
 * Whoever was told that the account is there has got a mail, or auth counts it as lost. Nothing is known of it where the process was
 * killed that had it.
 */
export async function verifyMails(registered, mailed, authUrl) {
  const got = new Set(mailed);
  const missing = registered.filter((email) => !got.has(email)).length;
  const text = await (await fetch(`${authUrl}/metrics`)).text();
  const lost = Number(/^taskgraph_auth_mails_total\{[^}]*outcome="lost"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
  return missing > lost ? [`${missing} people got no mail, and auth counts ${lost} as lost`] : [];
}
