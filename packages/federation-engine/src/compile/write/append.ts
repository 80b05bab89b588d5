import type { GraphQLLeafType } from 'graphql';
import { own, type Data } from '../../request/data.js';
import { recall, remember, type Appender, type AppendRun } from './append-run.js';
import type { FieldWriter } from './field-writer.js';
import { leafWriter, plainLeafWriter } from './leaf-writers.js';

export function appendLeaf(type: GraphQLLeafType): Appender {
  const write = leafWriter(type);
  const writePlain = plainLeafWriter(type);
  return (text, value, run) => {
    const piece = run.isPlain ? writePlain(value) : write(value);
    return piece === null ? null : text + piece;
  };
}

/** @param id the number of its selection */
export function appendObject(id: number, fieldsOf: (typename: unknown) => readonly FieldWriter[] | null): Appender {
  return (text, value, run, mayBeNull) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const isShared = run.shared.size > 0 && run.shared.has(value);
    const known = isShared ? recall(run, id, value) : null;
    if (known !== null) return text + known;
    const before = run.objects;
    run.objects += 1;
    const object = value as Data;
    const fields = fieldsOf(object['__typename']);
    if (!fields) return null;
    if (run.missing.size > 0 && run.missing.has(value) && lacksNonNull(object, fields))
      return mayBeNull ? `${text}null` : null;
    if (!isShared) return appendFields(text, object, fields, run);
    const alone = appendFields('', object, fields, run);
    if (alone === null) return null;
    remember(run, id, value, { text: alone, objects: run.objects - before });
    return text + alone;
  };
}

/** @param id the number of its selection */
export function appendList(id: number, itemsMayBeNull: boolean, appendItem: Appender): Appender {
  return (text, value, run) => {
    if (!Array.isArray(value)) return null;
    const isShared = run.shared.size > 0 && run.shared.has(value);
    const known = isShared ? recall(run, id, value) : null;
    if (known !== null) return text + known;
    const before = run.objects;
    let list = isShared ? '[' : `${text}[`;
    for (let index = 0; index < value.length; index += 1) {
      if (index > 0) list += ',';
      const item: unknown = value[index];
      if (item === null || item === undefined) {
        if (!itemsMayBeNull) return null;
        list += 'null';
        continue;
      }
      const longer = appendItem(list, item, run, itemsMayBeNull);
      if (longer === null) return null;
      list = longer;
    }
    list += ']';
    if (!isShared) return list;
    remember(run, id, value, { text: list, objects: run.objects - before });
    return text + list;
  };
}

function appendFields(start: string, object: Data, fields: readonly FieldWriter[], run: AppendRun): string | null {
  if (fields.length === 0) return `${start}{}`;
  const { isPlain } = run;
  let text = start;
  /** Whether the quotation mark that ends a string is still to come: it comes with the name of the next field. */
  let isOpen = false;
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] as FieldWriter;
    const heads = isOpen ? field.headsInString : field.heads;
    isOpen = false;
    if (field.constant !== null) {
      text += heads.constant;
      continue;
    }
    const member = own(object, field.name);
    if (member === null || member === undefined) {
      if (field.nothing === 'wrong') return null;
      // Nobody said null: that is told.
      if (field.nothing === 'null' && member === undefined && !run.missing.has(object)) return null;
      text += heads.null;
    } else if (isPlain && field.isString !== null && field.isString(member)) {
      text += heads.string;
      text += member as string;
      isOpen = true;
    } else {
      const longer = field.append(text + heads.any, member, run, !field.nonNull);
      if (longer === null) return null;
      text = longer;
    }
  }
  return text + (isOpen ? '"}' : '}');
}

/** Whether an entity that a subgraph does not have lacks what may not be null. */
export function lacksNonNull(object: Data, fields: readonly FieldWriter[]): boolean {
  return fields.some(
    ({ nonNull, constant, isUntold, name }) =>
      nonNull && constant === null && (isUntold || own(object, name) === undefined),
  );
}
