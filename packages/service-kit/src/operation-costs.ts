import {
  createCostModel,
  fragmentsOf,
  prepareCostEstimate,
  type CostDirectives,
  type CostEstimate,
  type ListSize,
} from '@taskgraph/federation-engine/documents';
import {
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  valueFromASTUntyped,
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { AppError } from './app-error.js';

/** Lets operations pass whose answers are not too much work. */
export interface CostGate {
  /**
   * Estimates a valid operation before any of it is run.
   *
   * @throws AppError COST_ESTIMATED_TOO_EXPENSIVE
   */
  assertWithin(
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Readonly<Record<string, unknown>>,
  ): void;
}

/** Of a list of which the schema says nothing. */
const ASSUMED_LIST_SIZE = 10;

/**
 * Creates the gate of a server that resolves whatever fits its schema: a hundred pages of a hundred items with a hundred below each
 * are one small document, and hold up everybody else. The estimate is that of a gateway, by what this schema itself says with `@cost` and
 * `@listSize`; of `_entities` each representation counts, with all that is asked of any entity.
 *
 * @param maxCost infinite where nothing is refused
 */
export function createCostGate(schema: GraphQLSchema, maxCost: number): CostGate {
  if (maxCost === Infinity) return { assertWithin: () => undefined };
  const model = createCostModel(schema, readCostDirectives(schema), ASSUMED_LIST_SIZE);
  // Apollo Server keeps documents that it has parsed.
  const estimates = new WeakMap<OperationDefinitionNode, CostEstimate>();
  return {
    assertWithin(document, operation, variables) {
      let prepared = estimates.get(operation);
      if (!prepared)
        estimates.set(operation, (prepared = prepareCostEstimate(model, operation, fragmentsOf(document))));
      const estimated = prepared.estimate(variables);
      if (estimated <= maxCost) return;
      const message = `An operation costs this service at most ${maxCost}; this one may cost ${estimated}. Ask for fewer items, or for less of each.`;
      throw new AppError('COST_ESTIMATED_TOO_EXPENSIVE', message, {
        extensions: { cost: { estimated, max: maxCost } },
      });
    },
  };
}

/** Reads what a subgraph's own SDL says (Federation 2.9, "Demand control"), by the names that the directives have in it. */
function readCostDirectives(schema: GraphQLSchema): CostDirectives {
  const weights: Array<[string, number]> = [];
  const listSizes: Array<[string, ListSize]> = [];

  function add(coordinate: string, nodes: readonly Annotated[]): void {
    for (const { name, arguments: given = [] } of nodes.flatMap(({ directives = [] }) => directives)) {
      if (name.value !== 'cost' && name.value !== 'listSize') continue;
      const values = Object.fromEntries(given.map((each) => [each.name.value, valueFromASTUntyped(each.value)]));
      if (name.value === 'listSize') listSizes.push([coordinate, toListSize(values)]);
      else if (typeof values['weight'] === 'number') weights.push([coordinate, values['weight']]);
    }
  }

  for (const type of Object.values(schema.getTypeMap())) {
    add(type.name, nodesOf(type));
    if (isObjectType(type) || isInterfaceType(type))
      for (const field of Object.values(type.getFields())) {
        const coordinate = `${type.name}.${field.name}`;
        add(coordinate, nodesOf(field));
        for (const argument of field.args) add(`${coordinate}(${argument.name}:)`, nodesOf(argument));
      }
    else if (isInputObjectType(type))
      for (const field of Object.values(type.getFields())) add(`${type.name}.${field.name}`, nodesOf(field));
  }
  return { weights, listSizes, hidden: [] };
}

interface Annotated {
  readonly directives?: readonly ConstDirectiveNode[] | undefined;
}

function nodesOf(element: {
  readonly astNode?: Annotated | null | undefined;
  readonly extensionASTNodes?: readonly Annotated[];
}): readonly Annotated[] {
  return [element.astNode, ...(element.extensionASTNodes ?? [])].filter((node) => node !== null && node !== undefined);
}

function toListSize(values: Readonly<Record<string, unknown>>): ListSize {
  const { assumedSize } = values;
  return {
    assumedSize: typeof assumedSize === 'number' ? assumedSize : null,
    slicingArguments: strings(values['slicingArguments']).map((way) => way.split('.')),
    sizedFields: strings(values['sizedFields']),
    // What is missing is told by the field itself.
    requireOneSlicingArgument: false,
  };
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
