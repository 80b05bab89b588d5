import {
  doTypesOverlap,
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
import { withholdingOf, type Withholding } from '../security/withheld-selections.js';
import { collectFields, type SelectionContext } from './collect-fields.js';
import { leafWriter } from './leaf-writers.js';
import { compactTexts } from '../../request/compact-texts.js';
import { own, type Data, type ErrorPath } from '../../request/data.js';

/** A position that cannot hold what is there, such as null in the place of a non-null type. */
export interface Violation {
  readonly message: string;
  readonly path: ErrorPath;
  /** What was there, for the log: it may be something that clients must not know. */
  readonly found?: string;
  /** Nothing was there, and null may stand there: that is told, as nobody said null. */
  readonly isGap?: true;
  /** Set where the viewer may not see what is there: it is null for him, whatever it is. */
  readonly withheld?: Withholding;
}

export interface Written {
  /** The JSON text of the value; null when it is null. */
  readonly text: string | null;
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
 */
export type ResponseWriter = (data: unknown, shared: ReadonlySet<object>, missing: ReadonlySet<object>) => Written;

/** Of one value. A subgraph can put millions of wrong values into an answer; each that is recorded takes memory, and nobody reads them. */
const MAX_VIOLATIONS = 10_000;

interface Run {
  readonly shared: ReadonlySet<object>;
  readonly missing: ReadonlySet<object>;
  /** What has been written of shared objects, by selection. */
  readonly memo: Array<Map<object, Remembered> | undefined>;
  /** Null on the first run, which only finds out that something is wrong; the second finds out where. */
  readonly path: Array<string | number> | null;
  readonly violations: Violation[];
  violated: boolean;
  /** Violations so far, recorded or not. */
  found: number;
  /** Of those that are not recorded. */
  gapsLeftOut: number;
  withheldLeftOut: number;
  objects: number;
}

interface Remembered {
  readonly text: string;
  readonly objects: number;
}

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

/** Compiles the writer of selection sets on a type. Introspection fields are taken from the data as they are. */
export function compileResponseWriter(
  context: SelectionContext,
  type: GraphQLCompositeType,
  selectionSets: readonly SelectionSetNode[],
): ResponseWriter {
  const compiler = new Compiler(context);
  const write = compiler.object(type, selectionSets, true);
  return (data, shared, missing) => {
    const run = startRun(shared, missing, null);
    const text = write(data, run);
    if (!run.violated) return { text, violations: [], leftOut: 0, objects: run.objects };
    const second = startRun(new Set(), missing, []);
    const { violations } = second;
    return {
      text: write(data, second),
      violations,
      // Of what is withheld, clients know after the first ones.
      leftOut: second.found - second.withheldLeftOut - violations.length,
      objects: second.objects,
    };
  };
}

class Compiler {
  readonly #context: SelectionContext;
  /** Selections so far: each has a number. */
  #count = 0;

  constructor(context: SelectionContext) {
    this.#context = context;
  }

  /** @param isTop of what is written as a whole the type is known: nothing in the data changes it */
  object(declared: GraphQLCompositeType, selectionSets: readonly SelectionSetNode[], isTop = false): ValueWriter {
    const id = (this.#count += 1) - 1;
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
      const text = writeFields(object, fields, run);
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
      const write: ValueWriter = (value) =>
        typeof value === 'string' && isObjectType(this.#context.schema.getType(value)) ? JSON.stringify(value) : null;
      return { name, constant, nonNull: true, coordinate, isUntold: constant === null, write };
    }
    if (fieldName === '__schema' || fieldName === '__type') {
      const writeJson: ValueWriter = (value) => JSON.stringify(value ?? null);
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
    return (value, run) => {
      if (value === null || value === undefined) return null;
      const text = write(value);
      if (text === null) violate(run, `${coordinate} has a value that is none of type ${String(nullable)}.`);
      return text;
    };
  }

  list(itemType: GraphQLOutputType, selectionSets: readonly SelectionSetNode[], coordinate: string): ValueWriter {
    const id = (this.#count += 1) - 1;
    const nonNull = isNonNullType(itemType);
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
        text += index === 0 ? (item ?? 'null') : `,${item ?? 'null'}`;
      }
      if (isNull) {
        forgetGaps(run, beforeAll, gapsBefore);
        return null;
      }
      text += ']';
      if (isShared) remember(run, id, value, { text, objects: run.objects - before });
      return text;
    };
  }
}

function writeFields(object: Data, fields: readonly FieldWriter[], run: Run): string | null {
  if (fields.length === 0) return '{}';
  const beforeAll = run.violations.length;
  const gapsBefore = run.gapsLeftOut;
  let text = '';
  let isNull = false;
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index] as FieldWriter;
    if (field.constant !== null) {
      text += field.head + field.constant;
      continue;
    }
    run.path?.push(field.responseName);
    const before = run.found;
    const member = readMember(object, field.name);
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
  }
  if (!isNull) return `${text}}`;
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

function remember(run: Run, id: number, value: object, written: Remembered): void {
  (run.memo[id] ??= new Map()).set(value, written);
}

function recall(run: Run, id: number, value: object): string | null {
  const known = run.memo[id]?.get(value);
  if (!known) return null;
  run.objects += known.objects;
  return known.text;
}

/** Names that every object inherits are read from the object itself only. */
function readMember(object: Data, name: string): unknown {
  const value = object[name];
  return typeof value === 'function' ? own(object, name) : value;
}

function withhold(run: Run, withheld: Withholding): null {
  record(run, 'The viewer may not see it.', { withheld });
  return null;
}

function violate(run: Run, message: string, found?: string): void {
  record(run, message, found === undefined ? PLAIN : { found });
}

function describe(typename: unknown): string {
  return typeof typename === 'string' ? `an object of type ${typename}` : 'an object whose type is no name';
}

/** @param before how many violations there were; a null that was passed up from below has been told there */
function violateNull(run: Run, coordinate: string, before: number): void {
  run.violated = true;
  if (run.found === before) record(run, `Cannot return null for non-nullable field ${coordinate}.`, PLAIN);
}

const PLAIN: Omit<Violation, 'message' | 'path'> = {};
const GAP: Omit<Violation, 'message' | 'path'> = { isGap: true };

function record(run: Run, message: string, more: Omit<Violation, 'message' | 'path'>): void {
  run.violated = true;
  if (!run.path) return;
  run.found += 1;
  if (run.violations.length < MAX_VIOLATIONS) run.violations.push({ message, path: [...run.path], ...more });
  else if (more.isGap) run.gapsLeftOut += 1;
  else if (more.withheld) run.withheldLeftOut += 1;
}

/** What has become null as a whole has no gaps in it. */
function forgetGaps(run: Run, before: number, gapsBefore: number): void {
  const { violations } = run;
  let kept = before;
  for (let index = before; index < violations.length; index += 1) {
    const violation = violations[index] as Violation;
    if (!violation.isGap) violations[kept++] = violation;
  }
  run.found -= violations.length - kept + run.gapsLeftOut - gapsBefore;
  run.gapsLeftOut = gapsBefore;
  violations.length = kept;
}

function startRun(shared: ReadonlySet<object>, missing: ReadonlySet<object>, path: Run['path']): Run {
  return {
    shared,
    missing,
    memo: [],
    path,
    violations: [],
    violated: false,
    found: 0,
    gapsLeftOut: 0,
    withheldLeftOut: 0,
    objects: 0,
  };
}
