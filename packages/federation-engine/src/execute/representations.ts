import type { PlainMembers, RepresentationPlan, RequiredOf } from '../compile/plan/steps.js';
import { own, type Data } from '../request/data.js';
import { writeString } from '../request/write-string.js';
import type { Representation } from '../subgraphs/subgraph-client.js';
import { merge } from './merge.js';
import { applyRewrites } from './rewrites.js';

/**
 * Writes the representation of an entity; null when it lacks what identifies it. Those whose JSON is equal are equal.
 *
 * @param plain of the entity's type, as the plan has it
 * @param isPlain whether it is known that no string in it needs an escape
 */
export function writeRepresentation(
  entity: Data,
  { required, rewrites }: RepresentationPlan,
  plain: PlainMembers | null,
  isPlain: boolean,
): Representation | null {
  if (plain) return writeMembers(entity, plain, isPlain);
  const representation = select(entity, required);
  if (!representation?.['__typename']) return null;
  applyRewrites(rewrites, representation);
  const sent = representation['__typename'];
  return {
    typename: typeof sent === 'string' ? sent : JSON.stringify(sent),
    id: idOf(representation),
    json: JSON.stringify(representation),
  };
}

function writeMembers(
  entity: Data,
  { typename, varying, heads, end, hasId }: PlainMembers,
  isPlain: boolean,
): Representation | null {
  let text = '';
  for (let index = 0; index < varying.length; index += 1) {
    const value = own(entity, varying[index] as string);
    if (value === undefined) return null;
    text += heads[index] as string;
    if (typeof value !== 'string') text += JSON.stringify(value);
    else text += isPlain ? `"${value}"` : writeString(value);
  }
  return { typename, id: hasId ? idOf(entity) : null, json: text + end };
}

/** What an entity is named by where it changes; null for one that is known by other keys. */
function idOf({ id }: Data): string | null {
  return typeof id === 'string' ? id : typeof id === 'number' ? String(id) : null;
}

/**
 * Selects from an entity what is required of it. Null when a member is missing: a representation is whole, or it is not
 * sent. A type condition whose members are missing leaves the others alone.
 */
function select(source: unknown, required: readonly RequiredOf[]): Data | null {
  if (typeof source !== 'object' || source === null) return null;
  const object = source as Data;
  const result: Data = {};
  for (const each of required) {
    if (each.kind === 'member') {
      const { name, inner } = each;
      const value = own(object, name);
      if (value === undefined) return null;
      result[name] = inner ? selectInner(value, inner) : value;
    } else if (isOfType(object, each.types)) {
      const part = select(object, each.inner);
      if (part) merge(result, part);
    }
  }
  return result;
}

function selectInner(value: unknown, required: readonly RequiredOf[]): unknown {
  return Array.isArray(value) ? value.map((item: unknown) => selectInner(item, required)) : select(value, required);
}

function isOfType(object: Data, types: ReadonlySet<string>): boolean {
  const typename = object['__typename'];
  return typeof typename === 'string' && types.has(typename);
}
