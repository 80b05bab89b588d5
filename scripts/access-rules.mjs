// Reads docs/access.md, the table of who gets what, and holds it against the supergraph: a field without a rule, and a rule
// without a field, are faults.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kind, parse } from 'graphql';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const ACCESS_PAGE = 'docs/access.md';
export const ACTORS = ['nobody', 'stranger', 'assignee', 'former assignee', 'owner', 'administrator'];
/** The row of an entity itself, in the tables of a subgraph's port. */
export const ENTITY = '_entities';
const ALL = '*';
/** Beside entities. */
const WATCHED = ['Session', 'AuditEvent', 'AuthPayload', 'TokenVerification'];
const ROOT_TYPES = ['Query', 'Mutation', 'Subscription'];
const OUTCOME = /^(value|null|empty|—|[A-Z]+(_[A-Z]+)*|[A-Z]\w+Problem)$/;
const EXAMPLE = ACTORS.map((actor) => (actor === 'nobody' ? 'UNAUTHENTICATED' : 'value')).join(' | ');

/** Returns the rows of the page, and what of it cannot be read. */
export function readRules(markdown = readFileSync(path.join(root, ACCESS_PAGE), 'utf8')) {
  const rows = [];
  const faults = [];
  let section = '';
  for (const [index, line] of markdown.split('\n').entries()) {
    const heading = /^### (.+)$/.exec(line);
    if (heading) section = heading[1].trim();
    if (section === '' || !line.startsWith('|') || /^\| (field|:?-+)/.test(line) || line.startsWith('|-')) continue;
    const [label = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const at = `${ACCESS_PAGE}:${index + 1}`;
    const [, names = '', variant = null] = /^([^(]+?)(?: \((.+)\))?$/.exec(label) ?? [];
    const isRoot = ROOT_TYPES.includes(typeOf(section));
    const fields = names.split(',').map((name) => name.trim());
    if (cells.length !== ACTORS.length)
      faults.push(`${at}: has ${cells.length} outcomes in the place of ${ACTORS.length}`);
    const unknown = cells.filter((cell) => !OUTCOME.test(cell));
    if (unknown.length > 0) faults.push(`${at}: ${unknown.join(', ')} is no outcome`);
    if (isRoot && fields.length > 1) faults.push(`${at}: each field of ${section} has a row of its own`);
    rows.push({
      section,
      fields,
      variant: isRoot ? variant : null,
      expected: Object.fromEntries(ACTORS.map((actor, column) => [actor, cells[column] ?? ''])),
      at,
    });
  }
  return { rows, faults };
}

/**
 * Returns the fields of every section that the page must have: types that clients see, and at the port of each subgraph entities, and
 * root fields that clients do not see.
 */
export function sectionsOf(supergraphSdl) {
  const sections = new Map();
  const { definitions } = parse(supergraphSdl, { noLocation: true });
  for (const definition of definitions) {
    const name = definition.name?.value ?? '';
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION || /^(join|link)__/.test(name)) continue;
    const isHidden = (node) => node.directives.some((directive) => directive.name.value === 'inaccessible');
    const fields = definition.fields ?? [];
    if (!isHidden(definition))
      sections.set(
        name,
        fields.filter((field) => !isHidden(field)).map((field) => field.name.value),
      );
    if (ROOT_TYPES.includes(name))
      for (const graph of graphsOf(definition, 'join__type')) {
        const hidden = fields.filter((field) => isHidden(field) && isOf(field, graph));
        if (hidden.length > 0)
          sections.set(
            `${name} at ${graph}`,
            hidden.map((field) => field.name.value),
          );
      }
    for (const graph of graphsOf(definition, 'join__type', 'key'))
      sections.set(`${name} at ${graph}`, [
        ENTITY,
        ...fields.filter((field) => isOf(field, graph)).map((field) => field.name.value),
      ]);
  }
  return sections;
}

/** The type that a section is about, also at the port of a subgraph. */
export function typeOf(section) {
  return section.split(' at ')[0];
}

/** Returns one rule for each field: `*` stands for the fields of a type that no other row of it names. */
export function expandRules({ rows }, sections) {
  const named = new Set(rows.flatMap(({ section, fields }) => fields.map((field) => `${section}.${field}`)));
  return rows.flatMap(({ fields, ...row }) =>
    fields
      .flatMap((field) =>
        field === ALL
          ? (sections.get(row.section) ?? []).filter((name) => !named.has(`${row.section}.${name}`))
          : field,
      )
      .map((field) => ({ ...row, field })),
  );
}

/** Returns what is wrong with the page: each fault says what to do. */
export function findFaults(rules, supergraphSdl) {
  const sections = sectionsOf(supergraphSdl);
  const found = [...rules.faults];
  for (const { section, fields, at } of rules.rows)
    if (fields.includes(ALL) && isWatched(section, sections))
      found.push(
        `${at}: each field of ${section} has to be named: what is added to it is private until somebody says otherwise`,
      );
  const seen = new Map();
  for (const { section, field, variant, at } of expandRules(rules, sections)) {
    const label = `${section}.${field}${variant === null ? '' : ` (${variant})`}`;
    if (!sections.get(section)?.includes(field)) found.push(`${at}: there is no ${section}.${field}: remove its rule`);
    if (seen.has(label)) found.push(`${at}: ${label} has a rule already, at ${seen.get(label)}`);
    seen.set(label, at);
  }
  for (const [section, fields] of sections)
    for (const field of fields)
      if (!seen.has(`${section}.${field}`))
        found.push(
          `${section}.${field} has no rule: say who gets what in ${ACCESS_PAGE}, below "### ${section}", in a row such as\n    | ${field} | ${EXAMPLE} |`,
        );
  return found;
}

/** Whether a type's fields are named one by one: roots, entities, and what tells of people and their sessions. */
function isWatched(section, sections) {
  return (
    ROOT_TYPES.includes(section) ||
    WATCHED.includes(section) ||
    [...sections.keys()].some(
      (name) => (name === section && section.includes(' at ')) || name.startsWith(`${section} at `),
    )
  );
}

function argumentOf(directive, name) {
  return directive.arguments.find((argument) => argument.name.value === name)?.value.value;
}

/** The subgraphs that a directive names, in small letters; only where it has a certain argument, if one is asked for. */
function graphsOf(node, name, argument) {
  const graphs = node.directives
    .filter((directive) => directive.name.value === name)
    .filter((directive) => argument === undefined || argumentOf(directive, argument) !== undefined)
    .map((directive) => argumentOf(directive, 'graph')?.toLowerCase());
  return [...new Set(graphs)];
}

/** Whether a subgraph resolves a field of a type that it knows. */
function isOf(field, graph) {
  const joins = field.directives.filter((directive) => directive.name.value === 'join__field');
  return (
    joins.length === 0 ||
    joins.some((join) => argumentOf(join, 'graph')?.toLowerCase() === graph && argumentOf(join, 'external') !== true)
  );
}
