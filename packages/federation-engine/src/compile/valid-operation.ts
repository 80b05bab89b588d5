import {
  getOperationAST,
  GraphQLError,
  Kind,
  NoSchemaIntrospectionCustomRule,
  specifiedRules,
  validate,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type OperationTypeNode,
} from 'graphql';
import type { Supergraph } from '../supergraph/supergraph.js';
import type { CostModel } from './cost/cost-model.js';
import { prepareCostEstimate, type CostEstimate } from './cost/estimate-cost.js';
import { decidingVariables } from './document/deciding-variables.js';
import { DeferLabelsAreUniqueRule } from './document/defer-label-rule.js';
import { FloatsAreFiniteRule } from './document/finite-float-rule.js';
import { countRootFields, fragmentsOf } from './document/measure-document.js';
import { findOverrideLabels } from './plan/override-labels.js';
import { refusalOf } from '../request/refusal.js';
import { findSecuredSelections, type SecuredSelection } from './security/secured-selections.js';

/** What is known of an operation before it is planned: all that it takes to decide whether it may run. */
export interface OperationFacts {
  readonly supergraph: Supergraph;
  readonly node: OperationDefinitionNode;
  readonly name: string | null;
  readonly type: OperationTypeNode;
  /** What it selects that not everybody may. */
  readonly secured: readonly SecuredSelection[];
  readonly cost: CostEstimate;
  /** Fields at its root by response name, those of spread fragments included. */
  readonly rootFields: number;
  /** The Boolean variables that decide about selections, with their defaults. */
  readonly deciding: ReadonlyMap<string, boolean>;
  /** Labels of `@override` that decide about its plan. */
  readonly overrideLabels: readonly string[];
}

/** An operation that fits the schema, as the client wrote it. */
export interface ValidOperation extends OperationFacts {
  readonly document: DocumentNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly costs: CostModel;
  /** Of the text that it was read from. */
  readonly textLength: number;
}

const RULES = [...specifiedRules, DeferLabelsAreUniqueRule, FloatsAreFiniteRule];
/** Errors of validation that a client is told of; more of them help nobody. */
const MAX_VALIDATION_ERRORS = 20;

interface ValidationOptions extends Pick<ValidOperation, 'costs'> {
  readonly introspection: boolean;
  /** Given by a caller that goes on to compile it. */
  readonly textLength?: number;
}

/** Validates an operation and reads from it what admission asks. @throws Refusal */
export function validateOperation(
  supergraph: Supergraph,
  document: DocumentNode,
  operationName: string | undefined,
  { costs, introspection, textLength = 0 }: ValidationOptions,
): ValidOperation {
  const faults = findFaults(supergraph, document, introspection);
  if (faults.length > 0) throw refusalOf('GRAPHQL_VALIDATION_FAILED', faults);
  assertNames(document);
  const node = getOperationAST(document, operationName);
  if (!node) {
    const message =
      operationName === undefined
        ? 'The document has several operations: name one in operationName.'
        : `The document has no operation ${JSON.stringify(operationName)}.`;
    throw refusalOf('BAD_REQUEST', [{ message }]);
  }
  const fragments = fragmentsOf(document);
  return {
    supergraph,
    document,
    fragments,
    node,
    costs,
    textLength,
    name: node.name?.value ?? null,
    type: node.operation,
    secured: findSecuredSelections(supergraph, fragments, node),
    deciding: decidingVariables(document, node),
    rootFields: countRootFields(node, fragments),
    cost: prepareCostEstimate(costs, node, fragments),
    overrideLabels: findOverrideLabels(supergraph, fragments, node),
  };
}

/** The rule of graphql-js about root fields of subscriptions throws where a variable decides about one. */
function findFaults({ schema }: Supergraph, document: DocumentNode, introspection: boolean): readonly GraphQLError[] {
  const rules = introspection ? RULES : [...RULES, NoSchemaIntrospectionCustomRule];
  try {
    return validate(schema, document, rules, { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: !introspection });
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}

/** `__proto__` is a legal name, but no member of a JavaScript object. */
function assertNames(document: DocumentNode): void {
  visit(document, {
    Name(node, _key, parent) {
      if (node.value !== '__proto__' || !parent || !('kind' in parent) || parent.kind !== Kind.FIELD) return;
      throw refusalOf('GRAPHQL_VALIDATION_FAILED', [
        new GraphQLError('The name "__proto__" is not served.', { nodes: node }),
      ]);
    },
  });
}
