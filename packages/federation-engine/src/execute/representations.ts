import type { QueryPlanSelectionNode } from '@apollo/query-planner';
import type { Rewrite } from '../compile/plan/steps.js';
import { writeString } from '../compile/write/leaf-writers.js';
import { merge } from './merge.js';
import { applyRewrites } from './rewrites.js';
import { compactTexts } from '../request/compact-texts.js';
import type { Representation } from '../subgraphs/subgraph-client.js';
import type { IsSubtype } from '../supergraph/supergraph.js';
import { own, type Data } from '../request/data.js';

/** What a fetch sends of entities. */
export interface RepresentationPlan {
  /**
   * The representation; null when the entity lacks what identifies it. Those whose JSON is equal are equal.
   *
   * @param isPlain whether it is known that no string in it needs an escape
   */
  write(entity: Data, isPlain: boolean): Representation | null;
  /**
   * The members that make up the representation of an entity of this type, when it is made of plain members only: two
   * entities with equal values there have equal representations. Null when only the text tells.
   */
  members(typename: string): readonly string[] | null;
}

interface PlainMembers {
  readonly names: readonly string[];
  /** Those whose values are not known beforehand, as that of `__typename` is. */
  readonly varying: readonly string[];
  /** What stands before the value of each of these. */
  readonly heads: readonly string[];
  /** What stands behind the last. */
  readonly end: string;
  readonly hasId: boolean;
}

/** Compiles what a fetch requires of entities. */
export function compileRepresentation(
  requires: readonly QueryPlanSelectionNode[],
  rewrites: readonly Rewrite[],
  isSubtype: IsSubtype,
): RepresentationPlan {
  // Which fragments apply is found out once for each type that comes by.
  const byType = new Map<string, PlainMembers | null>();
  const members = (typename: string): PlainMembers | null => {
    let plain = byType.get(typename);
    if (plain === undefined) {
      const names = rewrites.length > 0 ? null : plainMembers(requires, typename, isSubtype);
      plain = names && toPlainMembers(names, typename);
      byType.set(typename, plain);
    }
    return plain;
  };
  return {
    members: (typename) => members(typename)?.names ?? null,
    write(entity, isPlain) {
      const typename = entity['__typename'];
      const plain = typeof typename === 'string' ? members(typename) : null;
      if (plain) return writeMembers(entity, typename as string, plain, isPlain);
      const representation = select(entity, requires, isSubtype);
      if (!representation?.['__typename']) return null;
      applyRewrites(rewrites, representation);
      const sent = representation['__typename'];
      return {
        typename: typeof sent === 'string' ? sent : JSON.stringify(sent),
        id: idOf(representation),
        json: JSON.stringify(representation),
      };
    },
  };
}

/** The common case: keys and scalars of one fragment. Null for any other. */
function plainMembers(
  requires: readonly QueryPlanSelectionNode[],
  typename: string,
  isSubtype: IsSubtype,
): readonly string[] | null {
  const applying = requires.filter(
    (selection) =>
      selection.kind === 'Field' ||
      (selection.typeCondition !== undefined && isSubtype(typename, selection.typeCondition)),
  );
  const [fragment] = applying;
  if (applying.length !== 1 || fragment?.kind !== 'InlineFragment') return null;
  const names = new Set<string>();
  for (const selection of fragment.selections) {
    if (selection.kind !== 'Field' || selection.selections || selection.alias !== undefined) return null;
    names.add(selection.name);
  }
  return names.has('__typename') ? [...names] : null;
}

function toPlainMembers(names: readonly string[], typename: string): PlainMembers {
  const varying: string[] = [];
  const heads: string[] = [];
  let text = '';
  for (const [index, name] of names.entries()) {
    text += `${index === 0 ? '{' : ','}"${name}":`;
    if (name === '__typename') text += writeString(typename);
    else {
      varying.push(name);
      heads.push(text);
      text = '';
    }
  }
  return { names, varying, heads: compactTexts(heads), end: `${text}}`, hasId: names.includes('id') };
}

function writeMembers(
  entity: Data,
  typename: string,
  { varying, heads, end, hasId }: PlainMembers,
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
 * sent. A fragment whose members are missing leaves the others alone.
 */
function select(source: unknown, selections: readonly QueryPlanSelectionNode[], isSubtype: IsSubtype): Data | null {
  if (typeof source !== 'object' || source === null) return null;
  const object = source as Data;
  const result: Data = {};
  for (const selection of selections) {
    if (selection.kind === 'Field') {
      const name = selection.alias ?? selection.name;
      const value = own(object, name);
      if (value === undefined) return null;
      const { selections: inner } = selection;
      result[name] = inner ? selectInner(value, inner, isSubtype) : value;
    } else if (selection.typeCondition !== undefined && fits(object, selection.typeCondition, isSubtype)) {
      const part = select(object, selection.selections, isSubtype);
      if (part) merge(result, part);
    }
  }
  return result;
}

function selectInner(value: unknown, selections: readonly QueryPlanSelectionNode[], isSubtype: IsSubtype): unknown {
  return Array.isArray(value)
    ? value.map((item: unknown) => selectInner(item, selections, isSubtype))
    : select(value, selections, isSubtype);
}

function fits(object: Data, condition: string, isSubtype: IsSubtype): boolean {
  const typename = object['__typename'];
  return typeof typename === 'string' && isSubtype(typename, condition);
}
