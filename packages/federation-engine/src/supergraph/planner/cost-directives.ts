import {
  isCompositeType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  type Directive,
  type FieldDefinition,
  type CompositeType,
  type NamedType,
  type Schema,
  type Type,
} from '@apollo/federation-internals';
import { baseType } from '@apollo/federation-internals';

/** What `@listSize` says of a field (Federation 2.9, "Demand control"). */
export interface ListSize {
  readonly assumedSize: number | null;
  /** Arguments that bound the list, as ways into them: `input.page.first`. */
  readonly slicingArguments: ReadonlyArray<readonly string[]>;
  /** Fields of what the field returns that hold the list. */
  readonly sizedFields: readonly string[];
  readonly requireOneSlicingArgument: boolean;
}

/** A field that clients do not see, and the planner may ask for. */
interface HiddenField {
  readonly type: string;
  readonly isList: boolean;
}

/** What the supergraph says of costs; everything in it can be sent to another thread. */
export interface CostDirectives {
  /** Of `Type`, `Type.field`, `Type.field(argument:)` and `Input.field`. */
  readonly weights: ReadonlyArray<readonly [coordinate: string, weight: number]>;
  /** Of `Type.field`. */
  readonly listSizes: ReadonlyArray<readonly [coordinate: string, listSize: ListSize]>;
  /** Fields of objects, in objects, that are not in the API schema. */
  readonly hidden: ReadonlyArray<readonly [coordinate: string, field: HiddenField]>;
}

const IDENTITY = 'https://specs.apollo.dev/cost';

/**
 * Reads `@cost` and `@listSize`, by the names that they have in this supergraph: it links the feature by its identity, and may
 * have renamed it.
 *
 * @param whole the schema with what clients do not see
 */
export function readCostDirectives(whole: Schema, api: Schema): CostDirectives {
  const feature = whole.coreFeatures?.getByIdentity(IDENTITY);
  const cost = feature?.directiveNameInSchema('cost');
  const listSize = feature?.directiveNameInSchema('listSize');
  const weights: Array<[string, number]> = [];
  const listSizes: Array<[string, ListSize]> = [];
  const hidden: Array<[string, HiddenField]> = [];

  function addWeight(coordinate: string, element: { appliedDirectivesOf(name: string): readonly Directive[] }): void {
    if (cost === undefined) return;
    const weight: unknown = element.appliedDirectivesOf(cost)[0]?.arguments()['weight'];
    if (typeof weight === 'number') weights.push([coordinate, weight]);
  }

  function addField(parent: NamedType, field: FieldDefinition<CompositeType>): void {
    const coordinate = `${parent.name}.${field.name}`;
    addWeight(coordinate, field);
    for (const argument of field.arguments()) addWeight(`${coordinate}(${argument.name}:)`, argument);
    const sized = listSize === undefined ? undefined : field.appliedDirectivesOf(listSize)[0];
    if (sized) listSizes.push([coordinate, toListSize(sized.arguments())]);
    const { type: returned } = field;
    if (!returned) return;
    const type = baseType(returned);
    if (!isCompositeType(type)) return;
    const seen = api.type(parent.name);
    if (seen && (isObjectType(seen) || isInterfaceType(seen)) && seen.field(field.name)) return;
    hidden.push([coordinate, { type: type.name, isList: isList(returned) }]);
  }

  for (const type of whole.types()) {
    addWeight(type.name, type);
    if (isObjectType(type) || isInterfaceType(type)) for (const field of type.fields()) addField(type, field);
    else if (isInputObjectType(type)) for (const field of type.fields()) addWeight(`${type.name}.${field.name}`, field);
  }
  return { weights, listSizes, hidden };
}

function toListSize(given: Readonly<Record<string, unknown>>): ListSize {
  return {
    assumedSize: typeof given['assumedSize'] === 'number' ? given['assumedSize'] : null,
    slicingArguments: strings(given['slicingArguments']).map((way) => way.split('.')),
    sizedFields: strings(given['sizedFields']),
    requireOneSlicingArgument: given['requireOneSlicingArgument'] !== false,
  };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function isList(type: Type): boolean {
  return isListType(isNonNullType(type) ? (type.ofType as Type) : type);
}
