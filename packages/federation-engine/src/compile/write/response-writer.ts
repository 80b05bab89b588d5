import {
  doTypesOverlap,
  GraphQLID,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type SelectionSetNode,
} from 'graphql';
import { withholdingOf } from '../security/withheld-selections.js';
import { startAppending, type Appender } from './append-run.js';
import { appendLeaf, appendList, appendObject, lacksNonNull } from './append.js';
import { collectFields, type SelectionContext } from './collect-fields.js';
import { withHeads, type FieldWriter, type HeadlessWriter, type ValueWriter } from './field-writer.js';
import { leafWriter, stringTest } from './leaf-writers.js';
import { WRONG, type Maker } from './make-run.js';
import { makeByText, makeLeaf, makeList, makeObject, ownValue } from './make.js';
import {
  forgetGaps,
  GAP,
  record,
  startRun,
  violate,
  violateNull,
  withhold,
  type Run,
  type Violation,
} from './writer-run.js';
import { own, type Data } from '../../request/data.js';

export interface Written {
  /** The JSON text of the value; null when it is null. A writer that makes a value alone may make none. */
  readonly text: string | null;
  /** The same as a value, of a writer that makes one; its lists and objects are nobody else's. Null of all others. */
  readonly value: unknown;
  /** The first ones. */
  readonly violations: readonly Violation[];
  /** How many violations there are beyond those. */
  readonly leftOut: number;
  /** Objects in the text: what the answer costs, to compare with the estimate. */
  readonly objects: number;
}

/**
 * Writes data as the answer to a selection: its fields in its order, values checked against their types, null passed up
 * to where null may stand (GraphQL specification, "Handling Execution Errors").
 *
 * @param shared objects that stand at several places: each is written once for each selection
 * @param missing entities that a subgraph does not have: one of them that lacks a non-null field is null, and no error
 * @param isPlain whether it is known that no string in the data needs an escape; false when absent
 */
export type ResponseWriter = (
  data: unknown,
  shared: ReadonlySet<object>,
  missing: ReadonlySet<object>,
  isPlain?: boolean,
) => Written;

/** What is made of the data: the text, a value, or both at once. */
export type WrittenForm = 'text' | 'value' | 'both';

/** A value's writers: two for data in which nothing is wrong, as text and as a value, and one that finds out where it is. */
interface Writers {
  readonly append: Appender;
  readonly make: Maker;
  readonly write: ValueWriter;
}

/**
 * Compiles the writer of selection sets on a type. Introspection fields are taken from the data as they are.
 *
 * @param form what it makes; a value is for a caller that would parse the text otherwise
 */
export function compileResponseWriter(
  context: SelectionContext,
  type: GraphQLCompositeType,
  selectionSets: readonly SelectionSetNode[],
  form: WrittenForm = 'text',
): ResponseWriter {
  const compiler = new Compiler(context, form !== 'text');
  const { append, make, write } = compiler.object(type, selectionSets, true);
  return (data, shared, missing, isPlain = false) => {
    if (form === 'value') {
      const making = { missing, objects: 0 };
      const value = make(data, making, false);
      if (value !== WRONG) return { text: null, value, violations: RIGHT, leftOut: 0, objects: making.objects };
    } else if (form === 'text') {
      const appending = startAppending(shared, missing, isPlain);
      const appended = append('', data, appending, false);
      if (appended !== null) {
        return { text: appended, value: null, violations: RIGHT, leftOut: 0, objects: appending.objects };
      }
    }
    const run = startRun(missing);
    const text = write(data, run);
    const { violations } = run;
    return {
      text,
      value: text === null ? null : run.made,
      violations,
      // Of what is withheld, clients know after the first ones.
      leftOut: run.found - run.withheldLeftOut - violations.length,
      objects: run.objects,
    };
  };
}

const RIGHT: readonly Violation[] = [];

class Compiler {
  readonly #context: SelectionContext;
  readonly #builds: boolean;
  /** Selections so far: each has a number. */
  #count = 0;

  constructor(context: SelectionContext, builds: boolean) {
    this.#context = context;
    this.#builds = builds;
  }

  /** @param isTop of what is written as a whole the type is known: nothing in the data changes it */
  object(declared: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[], isTop = false): Writers {
    const id = (this.#count += 1) - 1;
    const builds = this.#builds;
    const byTypename = new Map<string, readonly FieldWriter[] | null>();
    let forDeclared: readonly FieldWriter[] | undefined;

    const fieldsOf = (typename: unknown): readonly FieldWriter[] | null => {
      if (isTop || typename === undefined || typename === null)
        return (forDeclared ??= this.fields(declared, selectionSets));
      if (typeof typename !== 'string') return null;
      let fields = byTypename.get(typename);
      if (fields === undefined) {
        const type = this.typeNamed(typename, declared);
        fields = type && this.fields(type, selectionSets);
        byTypename.set(typename, fields);
      }
      return fields;
    };

    const write: ValueWriter = (value, run) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        if (value !== null && value !== undefined)
          violate(run, `Expected an object of type ${declared.name}.`, typeof value);
        return null;
      }
      run.objects += 1;
      const object = value as Data;
      const fields = fieldsOf(object['__typename']);
      if (!fields) {
        violate(run, `Expected an object of type ${declared.name}.`, describe(object['__typename']));
        return null;
      }
      if (run.missing.has(value) && lacksNonNull(object, fields)) return null;
      return writeFields(object, fields, run, builds ? {} : null);
    };
    return { append: appendObject(id, fieldsOf), make: makeObject(fieldsOf), write };
  }

  /** The type of this name, if an object where `declared` stands can be of it; an interface may stand for its objects. */
  typeNamed(typename: string, declared: GraphQLCompositeType): GraphQLCompositeType | null {
    const { schema } = this.#context;
    const type = schema.getType(typename);
    if (!isCompositeType(type) || !doTypesOverlap(schema, declared, type)) return null;
    return isAbstractType(type) && !isAbstractType(declared) ? declared : type;
  }

  fields(type: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[]): FieldWriter[] {
    const groups = collectFields(this.#context, type, selectionSets);
    return [...groups].flatMap(([name, nodes]) => this.field(type, name, nodes) ?? []).map(withHeads);
  }

  field(type: GraphQLCompositeType, name: string, nodes: readonly FieldNode[]): HeadlessWriter | null {
    const fieldName = nodes[0]?.name.value ?? '';
    const coordinate = `${type.name}.${fieldName}`;
    const about = { name, coordinate, constant: null, typename: null, isUntold: false, isString: null };
    if (fieldName === '__typename') {
      const typename = isAbstractType(type) ? null : type.name;
      const write = (value: unknown) =>
        typeof value === 'string' && isObjectType(this.#context.schema.getType(value)) ? JSON.stringify(value) : null;
      return {
        ...about,
        constant: typename && `"${typename}"`,
        typename,
        nonNull: true,
        nothing: 'wrong',
        isUntold: typename === null,
        ...appending(this.#builds, write),
      };
    }
    if (fieldName === '__schema' || fieldName === '__type')
      return {
        ...about,
        nonNull: false,
        nothing: 'always null',
        ...appending(this.#builds, (value) => JSON.stringify(value ?? null)),
      };
    const definition = isObjectType(type) || isInterfaceType(type) ? type.getFields()[fieldName] : undefined;
    if (!definition) return null;
    const nonNull = isNonNullType(definition.type);
    const withheld = withholdingOf(nodes);
    if (withheld)
      return {
        ...about,
        nonNull,
        nothing: 'wrong',
        append: () => null,
        make: () => WRONG,
        write: (_value, run) => withhold(run, withheld),
      };
    const selectionSets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const nullable = getNullableType(definition.type);
    const isString = isLeafType(nullable) ? stringTest(nullable) : null;
    const nothing = nonNull ? 'wrong' : 'null';
    return { ...about, nonNull, nothing, isString, ...this.value(definition.type, selectionSets, coordinate) };
  }

  value(type: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], coordinate: string): Writers {
    const nullable = getNullableType(type);
    if (isListType(nullable)) return this.list(nullable.ofType, selectionSets, coordinate);
    if (isCompositeType(nullable)) return this.object(nullable, selectionSets);
    const writeLeaf = leafWriter(nullable);
    const isId = nullable.name === GraphQLID.name;
    const builds = this.#builds;
    const write: ValueWriter = (value, run) => {
      if (value === null || value === undefined) return null;
      const text = writeLeaf(value);
      if (builds) run.made = isId && typeof value === 'number' ? String(value) : ownValue(value, text);
      if (text === null) violate(run, `${coordinate} has a value that is none of type ${String(nullable)}.`);
      return text;
    };
    return { append: appendLeaf(nullable), make: makeLeaf(nullable), write };
  }

  list(itemType: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], coordinate: string): Writers {
    const id = (this.#count += 1) - 1;
    const nonNull = isNonNullType(itemType);
    const builds = this.#builds;
    const item = this.value(itemType, selectionSets, coordinate);
    const write: ValueWriter = (value, run) => {
      if (value === null || value === undefined) return null;
      if (!Array.isArray(value)) {
        violate(run, `${coordinate} has a value that is no list.`);
        return null;
      }
      const beforeAll = run.violations.length;
      const gapsBefore = run.gapsLeftOut;
      const made: unknown[] | null = builds ? [] : null;
      let text = '[';
      let isNull = false;
      for (let index = 0; index < value.length; index += 1) {
        run.path.push(index);
        const beforeItem = run.found;
        const written = item.write(value[index], run);
        if (written === null && nonNull) {
          violateNull(run, coordinate, beforeItem);
          isNull = true;
        }
        run.path.pop();
        made?.push(written === null ? null : run.made);
        text += index === 0 ? (written ?? 'null') : `,${written ?? 'null'}`;
      }
      if (!isNull) {
        run.made = made;
        return `${text}]`;
      }
      forgetGaps(run, beforeAll, gapsBefore);
      return null;
    };
    return { append: appendList(id, !nonNull, item.append), make: makeList(!nonNull, item.make), write };
  }
}

/** Of what is written in one way only. */
function appending(builds: boolean, write: (value: unknown) => string | null): Writers {
  return {
    write(value, run) {
      const text = write(value);
      if (builds) run.made = ownValue(value ?? null, text);
      return text;
    },
    append(text, value) {
      const piece = write(value);
      return piece === null ? null : text + piece;
    },
    make: makeByText(write),
  };
}

/** @param made where values go; null where none are built */
function writeFields(object: Data, fields: readonly FieldWriter[], run: Run, made: Data | null): string | null {
  if (fields.length === 0) {
    run.made = made;
    return '{}';
  }
  const beforeAll = run.violations.length;
  const gapsBefore = run.gapsLeftOut;
  let text = '';
  let isNull = false;
  for (const field of fields) {
    if (field.constant !== null) {
      text += field.heads.constant;
      if (made !== null) made[field.responseName] = field.typename;
      continue;
    }
    run.path.push(field.responseName);
    const before = run.found;
    const member = own(object, field.name);
    const value = field.write(member, run);
    if (value === null) {
      if (field.nonNull) {
        violateNull(run, field.coordinate, before);
        isNull = true;
      } else if (member === undefined && !run.missing.has(object)) {
        // What is withheld has been told.
        if (run.found === before) record(run, `Nothing has come for ${field.coordinate}.`, GAP);
      }
    }
    run.path.pop();
    text += value === null ? field.heads.null : field.heads.any + value;
    if (made !== null) made[field.responseName] = value === null ? null : run.made;
  }
  if (!isNull) {
    run.made = made;
    return `${text}}`;
  }
  forgetGaps(run, beforeAll, gapsBefore);
  return null;
}

function describe(typename: unknown): string {
  return typeof typename === 'string' ? `an object of type ${typename}` : 'an object whose type is no name';
}
