/** What a statement does, and to which table: names of the program, never values. */
interface StatementKind {
  readonly action: string;
  /** The table of the model; `none` for what is about no table, such as COMMIT. */
  readonly model: string;
}

const NONE = 'none';
/** Texts that are remembered: Prisma makes some dozens, and each is long. */
const MAX_KNOWN = 1_000;
const known = new Map<string, StatementKind>();

/** Tells what a statement does. Each text is looked at once. */
export function statementKind(text: string): StatementKind {
  const before = known.get(text);
  if (before) return before;
  const kind = readKind(text);
  if (known.size < MAX_KNOWN) known.set(text, kind);
  return kind;
}

const NAME = String.raw`(?:"?\w+"?\.)?"?(\w+)"?`;
const WRITES = [
  ['insert', new RegExp(String.raw`\bINSERT\s+INTO\s+${NAME}`, 'i')],
  ['update', new RegExp(String.raw`\bUPDATE\s+(?:ONLY\s+)?${NAME}\s+(?:AS\s+\w+\s+)?SET\b`, 'i')],
  ['delete', new RegExp(String.raw`\bDELETE\s+FROM\s+(?:ONLY\s+)?${NAME}`, 'i')],
] as const;
const READ = new RegExp(String.raw`\bFROM\s+(?:ONLY\s+)?${NAME}(?!\w*"?\s*\()`, 'i');
const CONTROL = /^(begin|commit|rollback|savepoint|release|set|start|listen|notify)\b/i;

function readKind(text: string): StatementKind {
  const statement = text.replace(/^(\s|--[^\n]*\n|\/\*[^*]*\*\/)+/, '');
  const control = CONTROL.exec(statement)?.[1]?.toLowerCase();
  if (control !== undefined) return { action: control === 'start' ? 'begin' : control, model: NONE };
  for (const [action, pattern] of WRITES) {
    const model = pattern.exec(statement)?.[1];
    if (model !== undefined) return { action, model };
  }
  if (!/^(select|with|values)\b/i.test(statement)) return { action: 'other', model: NONE };
  return { action: 'select', model: READ.exec(statement)?.[1] ?? NONE };
}
