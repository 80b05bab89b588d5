import { faultOfName, faultOfValue } from './header-fields.js';

const TABLE = new Set(['all', 'subgraphs']);
const RULES = new Set(['propagate', 'set', 'remove']);
const RENAMED = new Set(['name', 'as']);

/** @throws TypeError that names what of a table of headers cannot be meant */
export function assertHeaderTable(table: object): void {
  assertRecord(table, TABLE, '`onFetch`');
  const { all, subgraphs } = table as { readonly all?: unknown; readonly subgraphs?: unknown };
  if (all !== undefined) assertRules(all, '`onFetch.all`');
  if (subgraphs === undefined) return;
  assertRecord(subgraphs, null, '`onFetch.subgraphs`');
  for (const [name, rules] of Object.entries(subgraphs as object)) assertRules(rules, `\`onFetch.subgraphs.${name}\``);
}

function assertRules(rules: unknown, place: string): void {
  assertRecord(rules, RULES, place);
  const { propagate, set, remove } = rules as Readonly<Record<string, unknown>>;
  for (const rule of listOf(propagate, `${place}: \`propagate\``)) {
    if (typeof rule !== 'object' || rule === null) {
      assertName(rule, `${place}: \`propagate\``);
      continue;
    }
    assertRecord(rule, RENAMED, `${place}: \`propagate\``);
    const { name, as } = rule as Readonly<Record<string, unknown>>;
    // What a client has sent may have any name that a header can have.
    if (typeof name !== 'string' || name === '')
      throw new TypeError(`${place}: \`propagate\` has a \`name\` that is no text.`);
    assertName(as, `${place}: \`propagate\``);
  }
  for (const name of listOf(remove, `${place}: \`remove\``)) assertName(name, `${place}: \`remove\``);
  if (set === undefined) return;
  assertRecord(set, null, `${place}: \`set\``);
  for (const [name, value] of Object.entries(set as object)) {
    assertName(name, `${place}: \`set\``);
    const fault = faultOfValue(value);
    if (fault !== null) throw new TypeError(`${place}: \`set\`: the header ${name.toLowerCase()} ${fault}.`);
  }
}

/** @param known its members; null where they may have any name */
function assertRecord(value: unknown, known: ReadonlySet<string> | null, place: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`${place} is an object${known ? ` with ${quote(known)}` : ''}.`);
  const unknown = known && Object.keys(value).find((name) => !known.has(name));
  if (known && unknown !== null && unknown !== undefined)
    throw new TypeError(`${place} has an unknown member \`${unknown}\`: there are ${quote(known)}.`);
}

function listOf(value: unknown, place: string): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new TypeError(`${place} is a list.`);
  return value as readonly unknown[];
}

function assertName(name: unknown, place: string): void {
  const fault = faultOfName(name);
  if (fault === null) return;
  throw new TypeError(`${place}: the header ${typeof name === 'string' ? name.toLowerCase() : String(name)} ${fault}.`);
}

function quote(names: Iterable<string>): string {
  return [...names].map((name) => `\`${name}\``).join(', ');
}
