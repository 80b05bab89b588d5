import { GraphQLID, GraphQLString, isEnumType, type GraphQLLeafType } from 'graphql';
import { own, type Data } from '../../request/data.js';
import { lacksNonNull } from './append.js';
import type { FieldWriter } from './field-writer.js';
import { leafWriter } from './leaf-writers.js';
import { WRONG, type Maker, type MakeRun } from './make-run.js';

/** A leaf as its text says it. */
export function ownValue(value: unknown, text: string | null): unknown {
  return typeof value === 'object' && value !== null && text !== null ? (JSON.parse(text) as unknown) : value;
}

/** @param write tells by null what is wrong */
export function makeByText(write: (value: unknown) => string | null): Maker {
  return (value) => {
    const text = write(value);
    return text === null ? WRONG : ownValue(value, text);
  };
}

export function makeLeaf(type: GraphQLLeafType): Maker {
  if (type.name === GraphQLString.name) return (value) => (typeof value === 'string' ? value : WRONG);
  if (type.name === GraphQLID.name)
    return (value) => (typeof value === 'string' ? value : Number.isSafeInteger(value) ? String(value) : WRONG);
  if (!isEnumType(type)) return makeByText(leafWriter(type));
  const names = new Set<unknown>(type.getValues().map(({ name }) => name));
  return (value) => (names.has(value) ? value : WRONG);
}

export function makeObject(fieldsOf: (typename: unknown) => readonly FieldWriter[] | null): Maker {
  return (value, run, mayBeNull) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return WRONG;
    run.objects += 1;
    const object = value as Data;
    const fields = fieldsOf(object['__typename']);
    if (!fields) return WRONG;
    if (run.missing.size > 0 && run.missing.has(value) && lacksNonNull(object, fields)) return mayBeNull ? null : WRONG;
    return makeFields(object, fields, run);
  };
}

export function makeList(itemsMayBeNull: boolean, makeItem: Maker): Maker {
  return (value, run) => {
    if (!Array.isArray(value)) return WRONG;
    const made: unknown[] = [];
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index];
      if (item === null || item === undefined) {
        if (!itemsMayBeNull) return WRONG;
        made.push(null);
        continue;
      }
      const own = makeItem(item, run, itemsMayBeNull);
      if (own === WRONG) return WRONG;
      made.push(own);
    }
    return made;
  };
}

function makeFields(object: Data, fields: readonly FieldWriter[], run: MakeRun): unknown {
  const made: Data = {};
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] as FieldWriter;
    if (field.typename !== null) {
      made[field.responseName] = field.typename;
      continue;
    }
    const member = own(object, field.name);
    if (member === null || member === undefined) {
      if (field.nothing === 'wrong') return WRONG;
      // Nobody said null: that is told.
      if (field.nothing === 'null' && member === undefined && !run.missing.has(object)) return WRONG;
      made[field.responseName] = null;
      continue;
    }
    const value = field.make(member, run, !field.nonNull);
    if (value === WRONG) return WRONG;
    made[field.responseName] = value;
  }
  return made;
}
