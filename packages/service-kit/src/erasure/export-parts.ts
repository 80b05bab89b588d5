import type { DataExportPart, EventType } from '@taskgraph/contracts';
import { appendEvents, type NewEvent, type RawSqlClient } from '../events/outbox.js';
import type { Tx } from '../transaction.js';

/** What a service has of a person: rows by the name of their file. */
export type ExportedRows = AsyncIterable<{
  readonly file: string;
  readonly rows: ReadonlyArray<Record<string, unknown>>;
}>;

export interface ExportIds {
  readonly dataExportId: string;
  readonly userId: string;
}

/** Of the rows of one event, as JSON: transports take messages of some megabytes. */
const MAX_CHARACTERS = 200_000;

/**
 * Sends what a service has of a person, in events of bounded size, the last of which says so.
 *
 * @param toEvent makes an event of the service of a part
 * @returns how many rows there were
 */
export async function sendParts<Client extends RawSqlClient>(
  tx: Tx<Client>,
  ids: ExportIds,
  exported: ExportedRows,
  toEvent: (part: DataExportPart) => NewEvent,
): Promise<number> {
  let [part, count] = [0, 0];
  const send = (file: string, rows: DataExportPart['rows'], isLast: boolean) =>
    appendEvents(tx, [toEvent({ ...ids, part: part++, isLast, file, rows })]);
  let waiting: { file: string; rows: DataExportPart['rows']; characters: number } | null = null;
  for await (const { file, rows } of exported) {
    for (const row of rows) {
      // As it travels: dates are text, and what is absent is not there.
      const text = JSON.stringify(row);
      if (waiting && (waiting.file !== file || waiting.characters + text.length > MAX_CHARACTERS)) {
        await send(waiting.file, waiting.rows, false);
        waiting = null;
      }
      waiting ??= { file, rows: [], characters: 0 };
      waiting.rows.push(JSON.parse(text) as Record<string, unknown>);
      waiting.characters += text.length;
      count += 1;
    }
  }
  await send(waiting?.file ?? 'nothing', waiting?.rows ?? [], true);
  return count;
}

/** Takes what was sent for an export out of the outbox: it holds what a person has written, and everybody has it who needs it. */
export async function forgetParts<Client extends RawSqlClient>(
  tx: Tx<Client>,
  type: NewEvent['type'],
  dataExportId: string,
): Promise<void> {
  await tx.$executeRawUnsafe('DELETE FROM outbox WHERE subject = $1 AND type = $2', dataExportId, type);
}

/** The same for all that was sent for a person whose account is gone, wherever it waits. */
export async function forgetPartsOf<Client extends RawSqlClient>(
  tx: Tx<Client>,
  type: NewEvent['type'],
  userId: string,
): Promise<void> {
  await tx.$executeRawUnsafe("DELETE FROM outbox WHERE type = $1 AND data ->> 'userId' = $2", type, userId);
}

const EXPORT_EVENTS: readonly EventType[] = [
  'auth.data-exported.v1',
  'task.data-exported.v1',
  'media.data-export-requested.v1',
];

/** The same for what could not be handled, and waits for an operator: nobody needs a part of an export that has ended. */
export async function forgetDeadParts<Client extends RawSqlClient>(
  tx: Tx<Client>,
  dataExportId: string,
): Promise<void> {
  await tx.$executeRawUnsafe(
    "DELETE FROM dead_letters WHERE envelope ->> 'type' = ANY($1) AND envelope -> 'data' ->> 'dataExportId' = $2",
    EXPORT_EVENTS,
    dataExportId,
  );
}

/** The same for a person whose account is gone. */
export async function forgetDeadPartsOf<Client extends RawSqlClient>(tx: Tx<Client>, userId: string): Promise<void> {
  await tx.$executeRawUnsafe(
    "DELETE FROM dead_letters WHERE envelope ->> 'type' = ANY($1) AND envelope -> 'data' ->> 'userId' = $2",
    EXPORT_EVENTS,
    userId,
  );
}
