import { readFileSync } from 'node:fs';
import { postGraphQL, sampleOf, subscribeGraphQL, uploadGraphQL, type GraphQLBody } from '@taskgraph/testkit';
import {
  buildASTSchema,
  getNamedType,
  isInputObjectType,
  isNonNullType,
  isObjectType,
  isUnionType,
  isCompositeType,
  parse,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import { sectionsOf, type Actor } from '../../../scripts/access-rules.mjs';
import { goodFile, SAMPLES, VARIANTS, type Samples } from './samples.js';
import type { World } from './world.js';

export const SUPERGRAPH = readFileSync(new URL('../../../gateway/supergraph.graphql', import.meta.url), 'utf8');
export const SECTIONS = sectionsOf(SUPERGRAPH);
const schema = buildASTSchema(parse(SUPERGRAPH), { assumeValid: true });

export type Endpoint = 'gateway' | 'subgraph';
export type RootName = 'Query' | 'Mutation' | 'Subscription';
export type SubgraphName = 'auth' | 'task' | 'media';

export interface Answer {
  readonly body: GraphQLBody<Record<string, unknown>>;
  /** What was asked, for whoever reads a failure. */
  readonly asked: string;
}

/** Long enough for an event to come before its cause is brought about once more. */
const TRIGGER_EVERY_MS = 300;

/** The subgraph that answers a root field. */
export function subgraphOf(root: RootName, name: string): SubgraphName {
  const field = objectType(root).getFields()[name];
  for (const { name: directive, arguments: given = [] } of field?.astNode?.directives ?? [])
    if (directive.value === 'join__field')
      for (const { name: argument, value } of given)
        if (argument.value === 'graph' && 'value' in value) return String(value.value).toLowerCase() as SubgraphName;
  throw new Error(`no subgraph answers ${root}.${name}`);
}

/** Asks for a root field in somebody's name, with all that its own result shows. */
export async function askRoot(
  world: World,
  { root, name, variant, endpoint }: { root: RootName; name: string; variant: string | null; endpoint: Endpoint },
  actor: Actor,
): Promise<Answer> {
  const field = objectType(root).getFields()[name] as GraphQLField<unknown, unknown>;
  const { samples, file } = variant === null ? {} : (VARIANTS[`${root}.${name} (${variant})`] ?? {});
  const { declared, variables, takesFile } = await argumentsOf(field, root, { ...SAMPLES, ...samples }, world, actor);
  const given = field.args.filter((argument) => argument.name in variables).map((argument) => argument.name);
  const query = `${root.toLowerCase()}${declared} { ${name}${given.length > 0 ? `(${given.map((key) => `${key}: $${key}`).join(', ')})` : ''} ${shown(getNamedType(field.type), endpoint === 'subgraph' ? subgraphOf(root, name) : null)} }`;
  const url = endpoint === 'gateway' ? world.story.gatewayUrl : (world.story.graph?.urls[subgraphOf(root, name)] ?? '');
  const token = world.tokenOf(actor);
  const asked = `${query}\n${JSON.stringify(variables)}`;
  if (takesFile !== null) {
    const files = { [`variables.${takesFile}`]: await (file ?? goodFile)() };
    return { body: (await uploadGraphQL(url, { query, variables, files, token })).body, asked };
  }
  if (root === 'Subscription') return { body: await firstEvent(world, url, { query, variables, token }, name), asked };
  return { body: (await postGraphQL(url, { query, variables, token })).body, asked };
}

async function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  root: string,
  samples: Samples,
  world: World,
  actor: Actor,
): Promise<{ declared: string; variables: Record<string, unknown>; takesFile: string | null }> {
  const known = new Map<string, unknown>();
  const at = (name: string) => `${root}.${field.name}(${name})`;
  for (const coordinate of field.args.flatMap((argument) => [at(argument.name), ...membersOf(argument.type)]))
    if (samples[coordinate]) known.set(coordinate, await samples[coordinate](world, actor));
  const variables: Record<string, unknown> = {};
  const declared: string[] = [];
  let takesFile: string | null = null;
  for (const { name, type, defaultValue } of field.args) {
    const isFile = getNamedType(type).name === 'Upload';
    if (!(isNonNullType(type) && defaultValue === undefined) && !known.has(at(name)) && !isFile) continue;
    if (isFile) takesFile = name;
    declared.push(`$${name}: ${String(type)}`);
    variables[name] = isFile ? null : sampleOf(type, at(name), (coordinate) => known.get(coordinate));
  }
  return { declared: declared.length > 0 ? `(${declared.join(', ')})` : '', variables, takesFile };
}

function membersOf(type: GraphQLInputType): string[] {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return [];
  return Object.values(named.getFields()).flatMap((member) => [
    `${named.name}.${member.name}`,
    ...membersOf(member.type),
  ]);
}

/** Follows until the first event, or the refusal. What it is about is brought about again and again: nobody is told that a subscription has begun. */
async function firstEvent(
  world: World,
  url: string,
  request: Parameters<typeof subscribeGraphQL>[1],
  name: string,
): Promise<GraphQLBody<Record<string, unknown>>> {
  await using subscription = subscribeGraphQL<Record<string, unknown>>(url, request);
  const heard = subscription.next();
  let title = 0;
  const { owner } = world.people;
  const bringAbout = async () => {
    const input = { taskId: world.taskId, mediaIds: [world.mediaId] };
    if (name === 'mediaAttached') {
      await owner.run('DetachMedia', { input });
      await owner.run('AttachMedia', { input });
    } else
      await owner.run('UpdateTask', {
        input: { id: world.taskId, expectedVersion: 2 + title, title: `Title ${(title += 1)}` },
      });
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const first = await Promise.race([
        heard,
        new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), TRIGGER_EVERY_MS))),
      ]);
      clearTimeout(timer);
      if (first === null) await bringAbout();
      else if (first.kind === 'event') return first.body;
      else if (first.kind === 'failed') return { data: null, errors: first.errors };
      else return { data: null, errors: [{ message: JSON.stringify(first), extensions: { code: 'CLOSED' } }] };
    }
  } finally {
    world.spoilThings();
  }
}

/** Asks for an entity at the port of a subgraph, as a gateway does. */
export async function askEntity(world: World, section: string, actor: Actor): Promise<Answer> {
  const [type = '', graph = ''] = section.split(' at ');
  const ids: Record<string, string> = { User: world.people.owner.id, Task: world.taskId, Media: world.mediaId };
  const fields = (SECTIONS.get(section) ?? []).filter((field) => !field.startsWith('_'));
  const query = `query($representations: [_Any!]!) { _entities(representations: $representations) { __typename ... on ${type} { ${fields.map((field) => shownField(type, field)).join(' ')} } } }`;
  if (ids[type] === undefined) throw new Error(`which ${type} is it about? See the ids in ask.ts`);
  const variables = { representations: [{ __typename: type, id: ids[type] }] };
  const url = world.story.graph?.urls[graph as SubgraphName] ?? '';
  return { body: (await postGraphQL(url, { query, variables, token: world.tokenOf(actor) })).body, asked: query };
}

/** Asks for a type that no root field returns by itself, on the way that leads there from an entity. */
export async function askWay(world: World, way: readonly string[], actor: Actor): Promise<Answer> {
  const [first = '', ...rest] = way;
  let type: GraphQLNamedType = objectType('Query');
  for (const step of way) type = getNamedType((type as GraphQLObjectType).getFields()[step]?.type as GraphQLOutputType);
  const id = await SAMPLES[`Query.${first}(id)`]?.(world, actor);
  const head = id === undefined ? `{ ${first}` : `query($id: ID!) { ${first}(id: $id)`;
  const query = `${head} { ${rest.join(' { ')} ${shown(type)} ${'} '.repeat(rest.length + 1)}`;
  return {
    body: (await postGraphQL(world.story.gatewayUrl, { query, variables: { id }, token: world.tokenOf(actor) })).body,
    asked: query,
  };
}

/** The shortest ways from `user`, `task` and `media`, and from other root fields where those lead nowhere, to each type. */
export function waysToTypes(): ReadonlyMap<string, readonly string[]> {
  const ways = new Map<string, readonly string[]>();
  const roots = Object.values(objectType('Query').getFields());
  const byId = roots.filter(({ args }) => args.some(({ name }) => name === 'id'));
  for (const starts of [byId, roots]) {
    const queue = starts.map((field): [GraphQLField<unknown, unknown>, readonly string[]] => [field, [field.name]]);
    for (const [field, way] of queue) {
      const type = getNamedType(field.type);
      if (!isObjectType(type) || ways.has(type.name)) continue;
      ways.set(type.name, way);
      for (const next of Object.values(type.getFields()))
        if (SECTIONS.get(type.name)?.includes(next.name)) queue.push([next, [...way, next.name]]);
    }
  }
  return ways;
}

function objectType(name: string): GraphQLObjectType {
  return schema.getType(name) as GraphQLObjectType;
}

/**
 * Every field of an object, each under a name of its own: members of a union do not get into each other's way. At the port of a subgraph,
 * what that has of it.
 */
function shown(type: GraphQLNamedType, graph: SubgraphName | null = null): string {
  if (!isCompositeType(type)) return '';
  const members = isUnionType(type) ? type.getTypes() : isObjectType(type) ? [type] : [];
  const parts = members.map(({ name }) => {
    const fields = SECTIONS.get(graph === null ? name : `${name} at ${graph}`) ?? SECTIONS.get(name) ?? [];
    const own = fields.filter((field) => !field.startsWith('_'));
    return `... on ${name} { ${own.map((field) => shownField(name, field, graph)).join(' ')} }`;
  });
  return `{ __typename ${parts.join(' ')} }`;
}

/** What lies behind a field is asked for on its own way; where there is none, because mutations alone lead to it, it is shown here. */
function shownField(type: string, name: string, graph: SubgraphName | null = null): string {
  const returned = getNamedType(objectType(type).getFields()[name]?.type);
  const field = `${type}__${name}: ${name}`;
  if (!returned || !isCompositeType(returned)) return field;
  const hasWay = !isObjectType(returned) || WAYS.has(returned.name);
  return `${field} ${hasWay ? '{ __typename }' : shown(returned, graph)}`;
}

const WAYS = waysToTypes();
