import {
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isListType,
  isObjectType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import type { CostDirectives, ListSize } from '../../supergraph/planner/cost-directives.js';

/** A field, as far as costs go. */
export interface FieldCost {
  /** Null for a field that clients do not see. */
  readonly definition: GraphQLField<unknown, unknown> | null;
  readonly isList: boolean;
  /** Of what is below it; null where nothing is. */
  readonly type: string | null;
  /** Of one object or value that it returns. */
  readonly weight: number;
  readonly listSize: ListSize | null;
  /** Whether `@listSize` says so, and not only the names of arguments. */
  readonly isDeclared: boolean;
}

/** What fields, types and arguments of a graph cost. */
export interface CostModel {
  readonly schema: GraphQLSchema;
  /** Of a list that nothing bounds. */
  readonly listSize: number;
  /** Null where the schema has no such field, or none that costs something. */
  field(parent: string, name: string): FieldCost | null;
  /** Of one object of a type. */
  typeWeight(type: string): number;
  /** Of one argument, or of a field of an input object; null where nothing is said. */
  weight(coordinate: string, type: GraphQLNamedType): number | null;
}

/** Arguments that bound a list, or the lists of the connection that a field returns, where no `@listSize` says which do. */
const SIZE_ARGUMENTS = ['first', 'last', 'limit'];
/** Of `_entities`, where a gateway asks a subgraph for them (Federation, "Subgraph schema specification"). */
const ENTITY_ARGUMENTS = ['representations'];
const OBJECT = 1;

/**
 * Makes what directives say ready to be looked up.
 *
 * Of a field that is selected on an interface, and of what returns an interface or a union, the greatest weight of those
 * that may stand there counts.
 */
export function createCostModel(schema: GraphQLSchema, directives: CostDirectives, listSize: number): CostModel {
  const weights = new Map(directives.weights);
  const listSizes = new Map(directives.listSizes);
  const hidden = new Map(directives.hidden);
  const known = new Map<string, FieldCost | null>();

  /** The type itself first. */
  function standingAt(name: string): string[] {
    const type = schema.getType(name);
    return type && isAbstractType(type) ? [name, ...schema.getPossibleTypes(type).map((each) => each.name)] : [name];
  }

  function weightOfType(name: string): number {
    const [, ...members] = standingAt(name);
    if (members.length === 0) return weights.get(name) ?? OBJECT;
    return Math.max(...members.map((member) => weights.get(member) ?? OBJECT));
  }

  function declaredWeight(parent: string, name: string): number | null {
    const said = standingAt(parent).flatMap((each) => weights.get(`${each}.${name}`) ?? []);
    return said.length > 0 ? Math.max(...said) : null;
  }

  function declaredSize(parent: string, name: string): ListSize | null {
    for (const each of standingAt(parent)) {
      const said = listSizes.get(`${each}.${name}`);
      if (said) return said;
    }
    return null;
  }

  function look(parent: string, name: string): FieldCost | null {
    const declared = declaredWeight(parent, name);
    const size = declaredSize(parent, name);
    const unseen = hidden.get(`${parent}.${name}`);
    if (unseen)
      return {
        definition: null,
        isList: unseen.isList,
        type: unseen.type,
        weight: declared ?? weightOfType(unseen.type),
        listSize: size,
        isDeclared: size !== null,
      };
    const owner = schema.getType(parent);
    const definition = owner && 'getFields' in owner ? owner.getFields()[name] : undefined;
    if (!definition || !('args' in definition)) return null;
    const type = getNamedType(definition.type);
    const isComposite = isCompositeType(type);
    return {
      definition,
      isList: isList(definition.type),
      type: isComposite ? type.name : null,
      weight: declared ?? (isComposite ? weightOfType(type.name) : (weights.get(type.name) ?? 0)),
      listSize: size ?? impliedSize(definition),
      isDeclared: size !== null,
    };
  }

  return {
    schema,
    listSize,
    field(parent, name) {
      const key = `${parent}.${name}`;
      let found = known.get(key);
      if (found === undefined) known.set(key, (found = look(parent, name)));
      return found;
    },
    typeWeight: weightOfType,
    weight: (coordinate, type) => weights.get(coordinate) ?? weights.get(type.name) ?? null,
  };
}

function impliedSize({ name: field, args, type }: GraphQLField<unknown, unknown>): ListSize | null {
  const bounding = field === '_entities' ? ENTITY_ARGUMENTS : SIZE_ARGUMENTS;
  const slicing = args.filter(({ name }) => bounding.includes(name));
  if (slicing.length === 0) return null;
  const below = getNamedType(type);
  const sizedFields =
    isList(type) || !isObjectType(below)
      ? []
      : Object.values(below.getFields()).flatMap((field) => (isList(field.type) ? [field.name] : []));
  return {
    assumedSize: null,
    slicingArguments: slicing.map(({ name }) => [name]),
    sizedFields,
    requireOneSlicingArgument: false,
  };
}

function isList(type: GraphQLOutputType): boolean {
  return isListType(getNullableType(type));
}
