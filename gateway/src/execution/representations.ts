import type { FetchDataRewrite, QueryPlanSelectionNode } from '@apollo/query-planner';
import { merge } from './merge.js';
import { applyRewrites, type IsSubtype } from './rewrites.js';
import { own, type Data } from './targets.js';

/** Writes the representation of an entity as JSON; null when the object lacks what identifies it. */
export type RepresentationWriter = (entity: Data) => string | null;

/**
 * Compiles what a fetch requires of entities into a writer. The text is also the identity of a representation: equal
 * texts are sent once.
 */
export function compileRepresentation(
  requires: readonly QueryPlanSelectionNode[],
  rewrites: readonly FetchDataRewrite[],
  isSubtype: IsSubtype,
): RepresentationWriter {
  const general: RepresentationWriter = (entity) => {
    const representation = select(entity, requires, isSubtype);
    if (!representation?.['__typename']) return null;
    applyRewrites(rewrites, representation, isSubtype);
    return JSON.stringify(representation);
  };
  if (rewrites.length > 0) return general;
  // One writer for each type that comes by: which fragments apply is found out once.
  const byType = new Map<string, RepresentationWriter>();
  return (entity) => {
    const typename = entity['__typename'];
    if (typeof typename !== 'string') return general(entity);
    let writer = byType.get(typename);
    if (!writer) {
      writer = compileLeaves(requires, typename, isSubtype) ?? general;
      byType.set(typename, writer);
    }
    return writer(entity);
  };
}

/** The common case, keys and scalars of one fragment: a writer without intermediate objects. Null for any other. */
function compileLeaves(
  requires: readonly QueryPlanSelectionNode[],
  typename: string,
  isSubtype: IsSubtype,
): RepresentationWriter | null {
  const applying = requires.filter(
    (selection) =>
      selection.kind === 'Field' ||
      (selection.typeCondition !== undefined && isSubtype(typename, selection.typeCondition)),
  );
  const [fragment] = applying;
  if (applying.length !== 1 || fragment?.kind !== 'InlineFragment') return null;
  const names: string[] = [];
  for (const selection of fragment.selections) {
    if (selection.kind !== 'Field' || selection.selections || selection.alias !== undefined) return null;
    if (!names.includes(selection.name)) names.push(selection.name);
  }
  if (!names.includes('__typename')) return null;
  const parts = names.map((name, index) => ({ name, text: `${index === 0 ? '{' : ','}${JSON.stringify(name)}:` }));
  return (entity) => {
    let text = '';
    for (const part of parts) {
      const value = own(entity, part.name);
      if (value === undefined) return null;
      text += part.text + JSON.stringify(value);
    }
    return `${text}}`;
  };
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
