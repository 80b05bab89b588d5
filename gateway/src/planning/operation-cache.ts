import {
  getOperationAST,
  GraphQLError,
  Kind,
  NoSchemaIntrospectionCustomRule,
  parse,
  print,
  specifiedRules,
  validate,
  visit,
  type DocumentNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Supergraph } from '../supergraph/supergraph.js';
import { UnsupportedPlan } from './compile-plan.js';
import { countSelections, MAX_SELECTIONS } from './limits.js';
import { compileOperation, type Operation } from './operation.js';
import { refuse } from './refusal.js';

export interface OperationCacheOptions {
  readonly maxBytes: number;
  /** Lexical tokens of a document. */
  readonly maxTokens: number;
  readonly introspection: boolean;
  /** Told of each compilation, in milliseconds. */
  readonly onCompiled?: (durationMs: number) => void;
}

/** The operations of one version of the graph: each is parsed, validated, planned and compiled once. */
export interface OperationCache {
  readonly supergraph: Supergraph;
  /** @throws Refusal when the text is no operation of this graph */
  get(text: string, operationName: string | undefined): Operation;
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

  function compile(text: string, operationName: string | undefined): Operation {
    const document = read(text, options.maxTokens);
    const key = `${operationName ?? ''}\n${print(document)}`;
    const known = byNormalText.get(key);
    if (known) return known;
    const startedAt = performance.now();
    const operation = build(supergraph, document, operationName, { ...options, length: text.length });
    byNormalText.set(key, operation);
    options.onCompiled?.(performance.now() - startedAt);
    return operation;
  }

  return {
    supergraph,
    get(text, operationName) {
      const key = operationName === undefined ? text : `${operationName}\n${text}`;
      const known = byText.get(key);
      if (known) return known.operation;
      const operation = compile(text, operationName);
      byText.set(key, { operation, text, operationName });
      return operation;
    },
    recent: () => [...byText.values()].map(({ text, operationName }) => ({ text, operationName })),
    bytes: () => byText.calculatedSize + byNormalText.calculatedSize,
    size: () => byText.size,
  };
}

function read(text: string, maxTokens: number): DocumentNode {
  try {
    return parse(text, { maxTokens });
  } catch (error) {
    throw refuse('GRAPHQL_PARSE_FAILED', [error as GraphQLError]);
  }
}

function build(
  supergraph: Supergraph,
  document: DocumentNode,
  operationName: string | undefined,
  { introspection, length }: { introspection: boolean; length: number },
): Operation {
  if (countSelections(document) > MAX_SELECTIONS) {
    const message = `An operation has at most ${MAX_SELECTIONS} selections, those of spread fragments included.`;
    throw refuse('OPERATION_REJECTED', [{ message }]);
  }
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const faults = validate(supergraph.schema, document, rules, { maxErrors: MAX_VALIDATION_ERRORS });
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
    return compileOperation(supergraph, document, node, length);
  } catch (error) {
    if (error instanceof UnsupportedPlan) throw refuse('OPERATION_REJECTED', [{ message: error.message }]);
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
