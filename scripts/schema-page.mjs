// Renders docs/schema.md from the supergraph: every type and field that clients see, with who may ask for it and what it costs.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
  parse,
  valueFromASTUntyped,
} from 'graphql';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { Supergraph } = createRequire(path.join(root, 'gateway/package.json'))('@apollo/federation-internals');

const ROOTS = ['Query', 'Mutation', 'Subscription'];

const HEAD = `<!-- Written by \`npm run compose\` from gateway/supergraph.graphql; do not edit. -->
# Schema

Every type and field of the graph, as clients see it.

- **access**: nothing for everybody; *signed in* for whoever sends an access token; a scope for whoever has it (\`admin\` is that of
  administrators). What is withheld is null, with an error ([authorization](authorization.md)); who gets what of a field is said by
  [access](access.md).
- **cost** is what a field counts for before its operation is run ([hardening](hardening.md)): that of a list is multiplied by the length that is
  asked for, or by the one that is named here. Objects count 1, scalars nothing.
- A type with \`!\` is never null. What else is null says its description.
`;

/** @returns {string} Markdown */
export function renderSchemaPage(supergraphSdl) {
  const schema = Supergraph.build(supergraphSdl, { supportedFeatures: null }).apiSchema().toGraphQLJSSchema();
  const directives = readDirectives(supergraphSdl);
  const types = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
  const anchors = new Set(types.map(({ name }) => name));
  const show = (type) => showType(type, anchors);

  const sections = [
    ...ROOTS.flatMap((name) => types.filter((type) => type.name === name)).map((type) => [type, OPERATIONS[type.name]]),
    ...KINDS.flatMap(([title, is]) => {
      const some = types.filter((type) => is(type) && !ROOTS.includes(type.name));
      return some.map((type, at) => [type, at === 0 ? title : null]);
    }),
  ].map(([type, title]) => `${title ? `## ${title}\n\n` : ''}${renderType(type, schema, directives, show)}`);
  return `${[HEAD, ...sections].join('\n').trimEnd()}\n`;
}

const OPERATIONS = { Query: 'Queries', Mutation: 'Mutations', Subscription: 'Subscriptions' };
const KINDS = [
  ['Objects', isObjectType],
  ['Interfaces', isInterfaceType],
  ['Unions', isUnionType],
  ['Inputs', isInputObjectType],
  ['Enums', isEnumType],
  ['Scalars', isScalarType],
];

function renderType(type, schema, directives, show) {
  const of = directives.get(type.name) ?? [];
  const head = [`### ${type.name}`, '', ...(type.description ? [prose(type.description), ''] : [])];
  const facts = [];
  if (accessOf(of)) facts.push(`Access: ${accessOf(of)}.`);
  if (costOf(of)) facts.push(`Cost: ${costOf(of)}.`);
  if (type.getInterfaces?.().length) facts.push(`Implements ${type.getInterfaces().map(show).join(', ')}.`);
  if (isInterfaceType(type) || isUnionType(type))
    facts.push(`One of ${schema.getPossibleTypes(type).map(show).sort().join(', ')}.`);
  const lines = [...head, ...(facts.length > 0 ? [facts.join(' '), ''] : [])];
  if (isEnumType(type)) lines.push(...table(['value', 'meaning'], type.getValues().map(enumRow)));
  if (isInputObjectType(type))
    lines.push(
      ...table(
        ['member', 'type', 'meaning'],
        Object.values(type.getFields()).map((one) => inputRow(one, show)),
      ),
    );
  if (isObjectType(type) || isInterfaceType(type)) {
    const rows = Object.values(type.getFields()).map((field) => fieldRow(type, field, directives, show));
    lines.push(...table(['field', 'type', 'access', 'cost', 'meaning'], rows));
  }
  return lines.join('\n');
}

const enumRow = (value) => [`\`${value.name}\``, meaning(value)];
const inputRow = (member, show) => [`\`${member.name}\``, show(member.type) + defaultOf(member), meaning(member)];

function fieldRow(type, field, directives, show) {
  const of = directives.get(`${type.name}.${field.name}`) ?? [];
  const args = field.args.map(
    (arg) =>
      `<br>\`${arg.name}\`: ${show(arg.type)}${defaultOf(arg)}${arg.description ? `, ${cell(arg.description)}` : ''}`,
  );
  return [`\`${field.name}\``, show(field.type), accessOf(of), costOf(of), meaning(field) + args.join('')];
}

function meaning({ description, deprecationReason }) {
  return [deprecationReason && `**Deprecated**: ${cell(deprecationReason)}`, description && cell(description)]
    .filter(Boolean)
    .join(' ');
}

const defaultOf = ({ defaultValue }) => (defaultValue === undefined ? '' : ` = \`${JSON.stringify(defaultValue)}\``);

/** The directives of types and of their fields in the supergraph: those of security and cost are not in what clients see. */
function readDirectives(supergraphSdl) {
  const found = new Map();
  for (const definition of parse(supergraphSdl, { noLocation: true }).definitions) {
    if (!definition.name || !definition.kind.endsWith('TypeDefinition')) continue;
    found.set(definition.name.value, definition.directives ?? []);
    for (const field of definition.fields ?? [])
      found.set(`${definition.name.value}.${field.name.value}`, field.directives ?? []);
  }
  return found;
}

function argumentsOf(directives, name) {
  const found = directives.find((directive) => directive.name.value === name);
  return (
    found &&
    Object.fromEntries(
      (found.arguments ?? []).map(({ name: { value }, value: node }) => [value, valueFromASTUntyped(node)]),
    )
  );
}

function accessOf(directives) {
  const scopes = argumentsOf(directives, 'requiresScopes')?.scopes;
  const policies = argumentsOf(directives, 'policy')?.policies;
  const anyOf = (sets) => sets.map((set) => set.map((one) => `\`${one}\``).join(' and ')).join(', or ');
  return [
    argumentsOf(directives, 'authenticated') && 'signed in',
    scopes && `scope ${anyOf(scopes)}`,
    policies && `policy ${anyOf(policies)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

function costOf(directives) {
  const weight = argumentsOf(directives, 'cost')?.weight;
  const list = argumentsOf(directives, 'listSize');
  const by = (list?.slicingArguments ?? []).map((name) => `\`${name}\``).join(' or ');
  return [
    weight !== undefined && String(weight),
    list && `× ${[by, list.assumedSize !== undefined && String(list.assumedSize)].filter(Boolean).join(', else ')}`,
  ]
    .filter(Boolean)
    .join(' ');
}

/** A type as text, its name a link to where it is described. */
function showType(type, anchors) {
  const text = String(type);
  const name = text.replace(/[[\]!]/g, '');
  const [before, after] = text.split(name);
  const link = anchors.has(name) ? `[${name}](#${name.toLowerCase()})` : name;
  return `${before.replaceAll('[', '\\[')}${link}${after.replaceAll(']', '\\]')}`;
}

function table(titles, rows) {
  const used = titles.map((_title, at) => at === 0 || rows.some((row) => row[at] !== ''));
  const line = (cells) => `| ${cells.filter((_cell, at) => used[at]).join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line), ''];
}

const prose = (text) => text.trim();
const cell = (text) =>
  prose(text)
    .replaceAll(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|');
