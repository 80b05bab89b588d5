import type { StoredLetter } from './dead-letter-store.js';

const COLUMNS: ReadonlyArray<readonly [title: string, cell: (letter: StoredLetter) => string]> = [
  ['ID', ({ id }) => id],
  ['DIED AT', ({ diedAt }) => diedAt],
  ['GROUP', ({ group }) => group],
  ['TRIES', ({ attempts }) => String(attempts)],
  ['TYPE', ({ event }) => event?.type ?? '(no event)'],
  ['SUBJECT', ({ event }) => event?.subject ?? ''],
  ['ERROR', ({ error }) => error],
];

/** Lines of a table with aligned columns; what only a terminal would understand is taken out of the cells. */
export function formatLetters(letters: readonly StoredLetter[]): string[] {
  const rows = [
    COLUMNS.map(([title]) => title),
    ...letters.map((letter) => COLUMNS.map(([, cell]) => plain(cell(letter)))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
