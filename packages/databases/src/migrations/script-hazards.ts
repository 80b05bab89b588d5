import { splitStatements } from './sql-statements.js';

const NAME = String.raw`((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)`;

/**
 * Tells what a generated script may destroy, or where rows that are there may make it fail, in words for its author.
 * What the script does to tables that it creates itself is harmless.
 */
export function findHazards(script: string): string[] {
  const statements = splitStatements(script).map(({ text }) => text.replaceAll(/\s+/g, ' '));
  const created = new Set(
    statements.map((text) => new RegExp(`^CREATE TABLE (?:IF NOT EXISTS )?${NAME}`, 'i').exec(text)?.[1]),
  );
  const hazards: string[] = [];
  for (const text of statements) {
    const dropped = new RegExp(`^DROP TABLE (?:IF EXISTS )?${NAME}`, 'i').exec(text)?.[1];
    if (dropped) hazards.push(`drops the table ${dropped} with its rows`);
    const unique = new RegExp(`^CREATE UNIQUE INDEX .*? ON ${NAME}`, 'i').exec(text)?.[1];
    if (unique && !created.has(unique)) hazards.push(`fails when rows of ${unique} are not unique: ${text}`);
    const altered = new RegExp(`^ALTER TABLE (?:ONLY )?(?:IF EXISTS )?${NAME}(.*)$`, 'i').exec(text);
    const [, table, clauses = ''] = altered ?? [];
    if (table === undefined || created.has(table)) continue;
    for (const clause of splitClauses(clauses)) {
      const hazard = clauseHazard(table, clause);
      if (hazard) hazards.push(hazard);
    }
  }
  return hazards;
}

/** Cuts `ADD COLUMN a NUMERIC(1,2), DROP COLUMN b` at the commas outside of parentheses. */
function splitClauses(clauses: string): string[] {
  const parts: string[] = [''];
  let depth = 0;
  for (const character of clauses) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}

function clauseHazard(table: string, clause: string): string | null {
  const dropped = new RegExp(`^DROP COLUMN (?:IF EXISTS )?${NAME}`, 'i').exec(clause)?.[1];
  if (dropped) return `drops the column ${table}.${dropped} with its values`;
  const added = new RegExp(`^ADD COLUMN (?:IF NOT EXISTS )?${NAME}.* NOT NULL`, 'i').exec(clause)?.[1];
  if (added && !/ DEFAULT | GENERATED /i.test(clause))
    return `fails when ${table} has rows: the new column ${added} is required and has no default`;
  const required = new RegExp(`^ALTER COLUMN ${NAME} SET NOT NULL`, 'i').exec(clause)?.[1];
  if (required) return `fails when ${table}.${required} holds a null`;
  const retyped = new RegExp(`^ALTER COLUMN ${NAME} (?:SET DATA )?TYPE`, 'i').exec(clause)?.[1];
  if (retyped) return `rewrites ${table}.${retyped} to another type: values may not fit`;
  return null;
}
