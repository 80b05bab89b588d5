import {
  getOperationAST,
  GraphQLError,
  Kind,
  NoSchemaIntrospectionCustomRule,
  print,
  specifiedRules,
  validate,
  visit,
  type DocumentNode,
  type ValidationRule,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { AppError } from '@taskgraph/service-kit';
import type { Supergraph } from '../supergraph/supergraph.js';
import { UnsupportedPlan } from './compile-plan.js';
import type { DocumentLimits } from './limits.js';
import { compileOperation, type Operation } from './operation.js';
import { readDocument } from './read-document.js';
import { refuse, toRefusal } from './refusal.js';

export interface OperationCacheOptions {
  readonly maxBytes: number;
  readonly limits: DocumentLimits;
  readonly introspection: boolean;
  /** Told of each compilation, in milliseconds. */
  readonly onCompiled?: (durationMs: number) => void;
}

/** The operations of one version of the graph: each is parsed, validated, planned and compiled once. */
export interface OperationCache {
  readonly supergraph: Supergraph;
  /**
   * Returns at once what is known; what has to be planned first comes later. Who asks for the same meanwhile waits with the
   * first.
   *
   * @throws Refusal, at once or later, when the text is no operation of this graph
   */
  get(text: string, operationName: string | undefined): Operation | Promise<Operation>;
  /** What was asked for, the most recently used first. */
  recent(): Array<{ readonly text: string; readonly operationName: string | undefined }>;
  readonly bytes: () => number;
  readonly size: () => number;
}

/** Errors of validation that a client is told of; more of them help nobody. */
const MAX_VALIDATION_ERRORS = 20;

interface Entry {
  readonly operation: Operation;
  readonly text: string;
  readonly operationName: string | undefined;
}

export function createOperationCache(supergraph: Supergraph, options: OperationCacheOptions): OperationCache {
  const size = ({ operation, text }: Entry) => operation.bytes + 2 * text.length;
  const byText = new LRUCache<string, Entry>({ maxSize: options.maxBytes / 2, sizeCalculation: size });
  // Texts that differ in white space and comments only are the same operation.
  const byNormalText = new LRUCache<string, Operation>({
    maxSize: options.maxBytes / 2,
    sizeCalculation: ({ bytes }, key) => bytes + 2 * key.length,
  });

  const underWay = new Map<string, Promise<Operation>>();

  function compile(text: string, operationName: string | undefined): Operation | Promise<Operation> {
    const document = readDocument(supergraph.schema, text, options.limits);
    const key = `${operationName ?? ''}\n${print(document)}`;
    const known = byNormalText.get(key) ?? underWay.get(key);
    if (known) return known;
    const startedAt = performance.now();
    const compiled = build(supergraph, document, operationName, { ...options, length: text.length })
      .then((operation) => {
        byNormalText.set(key, operation);
        options.onCompiled?.(performance.now() - startedAt);
        return operation;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, compiled);
    return compiled;
  }

  return {
    supergraph,
    get(text, operationName) {
      const key = operationName === undefined ? text : `${operationName}\n${text}`;
      const known = byText.get(key);
      if (known) return known.operation;
      const keep = (operation: Operation) => {
        byText.set(key, { operation, text, operationName });
        return operation;
      };
      const compiled = compile(text, operationName);
      return compiled instanceof Promise ? compiled.then(keep) : keep(compiled);
    },
    recent: () => [...byText.values()].map(({ text, operationName }) => ({ text, operationName })),
    bytes: () => byText.calculatedSize + byNormalText.calculatedSize,
    size: () => byText.size,
  };
}

async function build(
  supergraph: Supergraph,
  document: DocumentNode,
  operationName: string | undefined,
  { introspection, length }: { introspection: boolean; length: number },
): Promise<Operation> {
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const faults = findFaults(supergraph, document, rules);
  if (faults.length > 0) throw refuse('GRAPHQL_VALIDATION_FAILED', faults);
  assertNames(document);
  const node = getOperationAST(document, operationName);
  if (!node) {
    const message =
      operationName === undefined
        ? 'The document has several operations: name one in operationName.'
        : `The document has no operation ${JSON.stringify(operationName)}.`;
    throw refuse('BAD_REQUEST', [{ message }]);
  }
  try {
    return await compileOperation(supergraph, document, node, length);
  } catch (error) {
    if (error instanceof AppError) throw toRefusal(error);
    if (error instanceof UnsupportedPlan)
      throw refuse('OPERATION_REJECTED', [{ message: error.message, extensions: { reason: 'NOT_SERVED' } }]);
    throw error;
  }
}

/** The rule of graphql-js about root fields of subscriptions throws where a variable decides about one. */
function findFaults(
  { schema }: Supergraph,
  document: DocumentNode,
  rules: readonly ValidationRule[],
): readonly GraphQLError[] {
  try {
    return validate(schema, document, rules, { maxErrors: MAX_VALIDATION_ERRORS });
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
      throw refuse('GRAPHQL_VALIDATION_FAILED', [
        new GraphQLError('The name "__proto__" is not served.', { nodes: node }),
      ]);
    },
  });
}
