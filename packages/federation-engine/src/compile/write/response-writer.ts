import {
  doTypesOverlap,
  GraphQLID,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type SelectionSetNode,
} from 'graphql';
import { clientName } from '../plan/response-names.js';
import { withholdingOf } from '../security/withheld-selections.js';
import { collectFields, type SelectionContext } from './collect-fields.js';
import { leafWriter, plainLeafWriter } from './leaf-writers.js';
import {
  forgetGaps,
  GAP,
  recall,
  record,
  remember,
  startRun,
  violate,
  violateNull,
  withhold,
  type Run,
  type Violation,
} from './writer-run.js';
import { compactTexts } from '../../request/compact-texts.js';
import { own, type Data } from '../../request/data.js';

export interface Written {
  /** The JSON text of the value; null when it is null. */
  readonly text: string | null;
  /** The same as a value, of a writer that builds one; its lists and objects are nobody else's. Null of all others. */
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

/** Writes one value; null is JSON's null. */
type ValueWriter = (value: unknown, run: Run) => string | null;

interface FieldWriter {
  /** Of the member in the data. */
  readonly name: string;
  /** In the answer. */
  readonly responseName: string;
  /** `{"name":` for the first field of an object, `,"name":` for others. */
  readonly head: string;
  /** Set for what is known beforehand: the type's name. */
  readonly constant: string | null;
  readonly nonNull: boolean;
  readonly coordinate: string;
  /** Of an object whose type nobody has told: it lacks its name, whatever stands there. */
  readonly isUntold: boolean;
  readonly write: ValueWriter;
}

type HeadlessWriter = Omit<FieldWriter, 'head' | 'responseName'>;

/**
 * Compiles the writer of selection sets on a type. Introspection fields are taken from the data as they are.
 *
 * @param builds whether it makes a value beside the text, for who would parse the text otherwise
 */
export function compileResponseWriter(
  context: SelectionContext,
  type: GraphQLCompositeType,
  selectionSets: readonly SelectionSetNode[],
  builds = false,
): ResponseWriter {
  const compiler = new Compiler(context, builds);
  const write = compiler.object(type, selectionSets, true);
  return (data, shared, missing, isPlain = false) => {
    // What is remembered is text only.
    const run = startRun(builds ? new Set() : shared, missing, isPlain, null);
    const text = write(data, run);
    if (!run.violated)
      return { text, value: text === null ? null : run.made, violations: [], leftOut: 0, objects: run.objects };
    const second = startRun(new Set(), missing, isPlain, []);
    const { violations } = second;
    const told = write(data, second);
    return {
      text: told,
      value: told === null ? null : second.made,
      violations,
      // Of what is withheld, clients know after the first ones.
      leftOut: second.found - second.withheldLeftOut - violations.length,
      objects: second.objects,
    };
  };
}

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
  object(declared: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[], isTop = false): ValueWriter {
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

    return (value, run) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        if (value !== null && value !== undefined)
          violate(run, `Expected an object of type ${declared.name}.`, typeof value);
        return null;
      }
      const isShared = run.shared.size > 0 && run.shared.has(value);
      if (isShared) {
        const known = recall(run, id, value);
        if (known !== null) return known;
      }
      const before = run.objects;
      run.objects += 1;
      const object = value as Data;
      const fields = fieldsOf(object['__typename']);
      if (!fields) {
        violate(run, `Expected an object of type ${declared.name}.`, describe(object['__typename']));
        return null;
      }
      if (run.missing.size > 0 && run.missing.has(value) && lacksNonNull(object, fields)) return null;
      const text = writeFields(object, fields, run, builds ? {} : null);
      if (isShared && text !== null) remember(run, id, value, { text, objects: run.objects - before });
      return text;
    };
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
    return [...groups].flatMap(([name, nodes]) => this.field(type, name, nodes) ?? []).map(withHead);
  }

  field(type: GraphQLCompositeType, name: string, nodes: readonly FieldNode[]): HeadlessWriter | null {
    const fieldName = nodes[0]?.name.value ?? '';
    const coordinate = `${type.name}.${fieldName}`;
    if (fieldName === '__typename') {
      const constant = isAbstractType(type) ? null : `"${type.name}"`;
      const write: ValueWriter = (value, run) => {
        run.made = value;
        return typeof value === 'string' && isObjectType(this.#context.schema.getType(value))
          ? JSON.stringify(value)
          : null;
      };
      return { name, constant, nonNull: true, coordinate, isUntold: constant === null, write };
    }
    if (fieldName === '__schema' || fieldName === '__type') {
      const writeJson: ValueWriter = (value, run) => {
        run.made = value ?? null;
        return JSON.stringify(value ?? null);
      };
      return { name, constant: null, nonNull: false, coordinate, isUntold: false, write: writeJson };
    }
    const definition = isObjectType(type) || isInterfaceType(type) ? type.getFields()[fieldName] : undefined;
    if (!definition) return null;
    const selectionSets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const withheld = withholdingOf(nodes);
    return {
      name,
      constant: null,
      nonNull: isNonNullType(definition.type),
      coordinate,
      isUntold: false,
      write: withheld
        ? (_value, run) => withhold(run, withheld)
        : this.value(definition.type, selectionSets, coordinate),
    };
  }

  value(type: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], coordinate: string): ValueWriter {
    const nullable = getNullableType(type);
    if (isListType(nullable)) return this.list(nullable.ofType, selectionSets, coordinate);
    if (isCompositeType(nullable)) return this.object(nullable, selectionSets);
    const write = leafWriter(nullable);
    const writePlain = plainLeafWriter(nullable);
    const writeLeaf: ValueWriter = (value, run) => {
      if (value === null || value === undefined) return null;
      const text = run.isPlain ? writePlain(value) : write(value);
      if (text === null) violate(run, `${coordinate} has a value that is none of type ${String(nullable)}.`);
      return text;
    };
    if (!this.#builds) return writeLeaf;
    const isId = nullable.name === GraphQLID.name;
    return (value, run) => {
      run.made = isId ? String(value) : value;
      return writeLeaf(value, run);
    };
  }

  list(itemType: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], coordinate: string): ValueWriter {
    const id = (this.#count += 1) - 1;
    const nonNull = isNonNullType(itemType);
    const builds = this.#builds;
    const writeItem = this.value(itemType, selectionSets, coordinate);
    return (value, run) => {
      if (value === null || value === undefined) return null;
      if (!Array.isArray(value)) {
        violate(run, `${coordinate} has a value that is no list.`);
        return null;
      }
      const isShared = run.shared.size > 0 && run.shared.has(value);
      if (isShared) {
        const known = recall(run, id, value);
        if (known !== null) return known;
      }
      const before = run.objects;
      const beforeAll = run.violations.length;
      const gapsBefore = run.gapsLeftOut;
      const made: unknown[] | null = builds ? [] : null;
      let text = '[';
      let isNull = false;
      for (let index = 0; index < value.length; index += 1) {
        run.path?.push(index);
        const beforeItem = run.found;
        const item = writeItem(value[index], run);
        if (item === null && nonNull) {
          violateNull(run, coordinate, beforeItem);
          isNull = true;
        }
        run.path?.pop();
        made?.push(item === null ? null : run.made);
        text += index === 0 ? (item ?? 'null') : `,${item ?? 'null'}`;
      }
      if (isNull) {
        forgetGaps(run, beforeAll, gapsBefore);
        return null;
      }
      text += ']';
      run.made = made;
      if (isShared) remember(run, id, value, { text, objects: run.objects - before });
      return text;
    };
  }
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
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] as FieldWriter;
    if (field.constant !== null) {
      text += field.head + field.constant;
      if (made !== null) made[field.responseName] = field.constant.slice(1, -1);
      continue;
    }
    run.path?.push(field.responseName);
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
    run.path?.pop();
    // The first run need not go on: the second finds everything that is wrong.
    if (isNull && run.path === null) return null;
    text += field.head + (value ?? 'null');
    if (made !== null) made[field.responseName] = value === null ? null : run.made;
  }
  if (!isNull) {
    run.made = made;
    return `${text}}`;
  }
  forgetGaps(run, beforeAll, gapsBefore);
  return null;
}

function lacksNonNull(object: Data, fields: readonly FieldWriter[]): boolean {
  return fields.some(
    ({ nonNull, constant, isUntold, name }) =>
      nonNull && constant === null && (isUntold || own(object, name) === undefined),
  );
}

function withHead(field: HeadlessWriter, index: number): FieldWriter {
  const responseName = clientName(field.name);
  const head = `${index === 0 ? '{' : ','}${JSON.stringify(responseName)}:`;
  return { ...field, responseName, head: compactTexts(head) };
}

function describe(typename: unknown): string {
  return typeof typename === 'string' ? `an object of type ${typename}` : 'an object whose type is no name';
}
