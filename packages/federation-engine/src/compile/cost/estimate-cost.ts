import {
  Kind,
  OperationTypeNode,
  valueFromASTUntyped,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { holds, readConditions, type SelectionCondition } from '../../request/selection-conditions.js';
import { evaluate, product, sum, where, type Amount, type Variables } from './amounts.js';
import { costOfArguments, readSize, readSlicing, type ReadVariable, type Size } from './argument-costs.js';
import type { CostModel, FieldCost } from './cost-model.js';

/** What an operation may cost, known before it is planned; only variables are left open. */
export interface CostEstimate {
  /** A number, never below zero, and never above the largest safe one. */
  estimate(variables: Variables): number;
  /** Tells of a field of which exactly one slicing argument has to be given; null when all are right. */
  fault(variables: Variables): string | null;
}

export const MUTATION_COST = 10;

type Condition = (variables: Variables) => boolean;

/** Conditions that hold together, by what tells one from another. */
type Conditions = ReadonlyMap<string, SelectionCondition>;

/** What may be said of the lists that a field's selections hold. */
interface Enclosing {
  readonly fields: ReadonlySet<string>;
  readonly size: Size;
  /** By `@listSize`, which goes before what the list's own arguments say. */
  readonly isDeclared: boolean;
}

/** Selections under the same conditions, on objects of one type. */
interface Part {
  readonly set: SelectionSetNode;
  readonly type: string;
  readonly conditions: Conditions;
}

/** A field, wherever it is selected on one type, under one name and the same conditions. */
interface SameField {
  readonly node: FieldNode;
  readonly parent: string;
  readonly conditions: Conditions;
  readonly sets: SelectionSetNode[];
}

export interface CostReader {
  readonly model: CostModel;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly read: ReadVariable;
  /** Told of each place that holds objects: response names, and how many there may be. */
  readonly onObjects?: (place: string, count: Amount) => void;
  readonly onFault?: (fault: (variables: Variables) => string | null) => void;
}

/**
 * Prepares the estimate of a valid operation, by the arithmetic of Federation's demand control: one for each object that the
 * answer may hold, as many as a list may have for a list, ten more for a mutation; scalars are free. `@cost` says otherwise
 * of fields, types and arguments, `@listSize` of lists. What `@skip` and `@include` leave out is free, and what is selected
 * twice in one place is counted once.
 */
export function prepareCostEstimate(
  model: CostModel,
  node: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): CostEstimate {
  const root = model.schema.getRootType(node.operation);
  const faults: Array<(variables: Variables) => string | null> = [];
  const reader: CostReader = { model, fragments, read: readerOf(node), onFault: (fault) => faults.push(fault) };
  const total = sum([
    node.operation === OperationTypeNode.MUTATION ? MUTATION_COST : 0,
    root ? costOfSelections(reader, root.name, [node.selectionSet], '', 1) : 0,
  ]);
  return {
    estimate: (variables) => Math.max(0, evaluate(total, variables)),
    fault(variables) {
      for (const fault of faults) {
        const found = fault(variables);
        if (found !== null) return found;
      }
      return null;
    },
  };
}

/** Reads variables with the defaults of an operation. */
export function readerOf({ variableDefinitions }: OperationDefinitionNode): ReadVariable {
  const defaults = new Map<string, unknown>();
  for (const { variable, defaultValue } of variableDefinitions ?? [])
    if (defaultValue) defaults.set(variable.name.value, valueFromASTUntyped(defaultValue));
  return (name, variables) => {
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    return given === undefined ? defaults.get(name) : given;
  };
}

/**
 * What selections cost for one object that they are made on.
 *
 * @param place of that object, as `reader.onObjects` is told of those below it
 * @param count of such objects
 */
export function costOfSelections(
  reader: CostReader,
  type: string,
  sets: readonly SelectionSetNode[],
  place: string,
  count: Amount,
  enclosing: Enclosing | null = null,
): Amount {
  const parts = sets.map((set): Part => ({ set, type, conditions: ALWAYS }));
  const amounts: Amount[] = [];
  for (const same of collect(reader, parts).values()) {
    const condition = all(same.conditions, reader.read);
    const name = (same.node.alias ?? same.node.name).value;
    const amount = costOfField(reader, same, place === '' ? name : `${place}.${name}`, count, enclosing, condition);
    amounts.push(condition ? where(condition, amount) : amount);
  }
  return sum(amounts);
}

function costOfField(
  reader: CostReader,
  { node, parent, sets }: SameField,
  place: string,
  count: Amount,
  enclosing: Enclosing | null,
  condition: Condition | null,
): Amount {
  const { model, read } = reader;
  const field = model.field(parent, node.name.value);
  if (!field) return 0;
  const coordinate = `${parent}.${node.name.value}`;
  const { size, within } = sizesOf(reader, coordinate, node, field, condition);
  const items = field.isList ? countOf(node.name.value, size, enclosing, model.listSize) : 1;
  let inner: Amount = 0;
  if (field.type !== null) {
    const objects = product(count, items);
    const below = condition ? where(condition, objects) : objects;
    reader.onObjects?.(place, below);
    inner = costOfSelections(reader, field.type, sets, place, below, within);
  }
  return sum([product(items, sum([field.weight, inner])), costOfArguments(model, coordinate, node, field, read)]);
}

function sizesOf(
  { read, onFault }: CostReader,
  coordinate: string,
  node: FieldNode,
  field: FieldCost,
  condition: Condition | null,
): { size: Size; within: Enclosing | null } {
  const { listSize } = field;
  if (!listSize) return { size: null, within: null };
  const { size, given } = readSlicing(listSize, node, field, read);
  const names = listSize.slicingArguments.map((way) => way.join('.'));
  if (onFault && listSize.requireOneSlicingArgument && names.length > 0 && given !== 1)
    onFault((variables) => {
      if (condition && !condition(variables)) return null;
      const many = typeof given === 'number' ? given : given(variables);
      return many === 1 ? null : `${coordinate} takes exactly one of ${names.join(', ')}; ${many} are given.`;
    });
  if (listSize.sizedFields.length === 0) return { size, within: null };
  return { size, within: { fields: new Set(listSize.sizedFields), size, isDeclared: field.isDeclared } };
}

/** What `@listSize` says around it, what it says itself, what the connection around it seems to say, and the usual. */
function countOf(name: string, own: Size, enclosing: Enclosing | null, usual: number): Amount {
  const around = enclosing?.fields.has(name) ? enclosing : null;
  const order: readonly Size[] = around?.isDeclared ? [around.size, own] : [own, around?.size ?? null];
  if (order.every((size) => typeof size !== 'function')) return order.find((size) => size !== null) ?? usual;
  return (variables) => {
    for (const size of order) {
      const found = readSize(size, variables);
      if (found !== null) return found;
    }
    return usual;
  };
}

const ALWAYS: Conditions = new Map();

function all(conditions: Conditions, read: ReadVariable): Condition | null {
  if (conditions.size === 0) return null;
  const each = [...conditions.values()];
  return (variables) => holds(each, { get: (variable) => read(variable, variables) });
}

function collect(reader: CostReader, parts: readonly Part[]): ReadonlyMap<string, SameField> {
  const fields = new Map<string, SameField>();
  const left = [...parts];
  for (let part = left.pop(); part; part = left.pop())
    for (const selection of part.set.selections) {
      const conditions = add(part.conditions, selection.directives);
      if (!conditions) continue;
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const key = `${part.type}.${name} ${[...conditions.keys()].sort().join(' ')}`;
        let same = fields.get(key);
        if (!same) fields.set(key, (same = { node: selection, parent: part.type, conditions, sets: [] }));
        if (selection.selectionSet) same.sets.push(selection.selectionSet);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : reader.fragments.get(selection.name.value);
      if (!fragment) continue;
      const type = fragment.typeCondition?.name.value ?? part.type;
      left.push({ set: fragment.selectionSet, type, conditions });
    }
  return fields;
}

/** With the conditions of directives; null when they never hold. */
function add(conditions: Conditions, directives: readonly DirectiveNode[] | undefined): Conditions | null {
  const own = readConditions(directives);
  if (own === null) return null;
  let added = conditions;
  for (const condition of own) {
    const key = `${condition.is ? '' : '!'}${condition.variable}`;
    if (!added.has(key)) added = new Map(added).set(key, condition);
  }
  return added;
}
