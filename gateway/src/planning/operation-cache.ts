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
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { AppError } from '@taskgraph/service-kit';
import type { Supergraph } from '../supergraph/supergraph.js';
import { UnsupportedPlan } from './compile-plan.js';
import type { DocumentLimits } from './limits.js';
import { compileOperation, type Operation } from './operation.js';
import { readDocument } from './read-document.js';
import { refuse, toRefusal } from './refusal.js';
import type { Unmet } from './withheld-selections.js';

export interface OperationCacheOptions {
  readonly maxBytes: number;
  readonly limits: DocumentLimits;
  /** Whether questions about the schema are answered, and names that it does not have are helped with. */
  readonly introspection: boolean;
  /** Tells conditions that nobody meets, whoever signs in. */
  readonly isHopeless?: Unmet['isHopeless'];
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
   * @param holds tells of a label of `@override` whether it holds; without it, none does
   * @throws Refusal, at once or later, when the text is no operation of this graph
   */
  get(text: string, operationName: string | undefined, holds?: HoldsLabel): Operation | Promise<Operation>;
  /**
   * An operation for viewers who do not meet these conditions of the graph; see `Operation.withhold`.
   *
   * @throws Refusal, at once or later, when what is left of it cannot be planned
   */
  withheld(operation: Operation, unmet: readonly number[]): Operation | Promise<Operation>;
  /** What was asked for, the most recently used first. */
  recent(): RecentOperation[];
  readonly bytes: () => number;
  readonly size: () => number;
}

/** Errors of validation that a client is told of; more of them help nobody. */
const MAX_VALIDATION_ERRORS = 20;

export type HoldsLabel = (label: string) => boolean;

export interface RecentOperation {
  readonly text: string;
  readonly operationName: string | undefined;
  /** Of `@override`, those that hold. */
  readonly labels: readonly string[];
}

interface Entry extends RecentOperation {
  readonly operation: Operation;
}

const NO_LABELS: readonly string[] = [];

export function createOperationCache(supergraph: Supergraph, options: OperationCacheOptions): OperationCache {
  const { isHopeless = () => false } = options;
  const size = ({ operation, text }: Entry) => operation.bytes + 2 * text.length;
  const byText = new LRUCache<string, Entry>({ maxSize: options.maxBytes / 2, sizeCalculation: size });
  // Texts that differ in white space and comments only are the same operation.
  const byNormalText = new LRUCache<string, Operation>({
    maxSize: options.maxBytes / 2,
    sizeCalculation: ({ bytes }, key) => bytes + 2 * key.length,
  });

  /** Operations as they are planned where labels of `@override` hold. */
  const byLabels = new LRUCache<string, Entry>({ maxSize: options.maxBytes / 2, sizeCalculation: size });
  /** For viewers who may not see all of it. */
  const byUnmet = new LRUCache<string, Operation>({
    maxSize: options.maxBytes / 2,
    sizeCalculation: ({ bytes }) => bytes,
  });
  const numbers = new WeakMap<Operation, number>();
  let lastNumber = 0;

  const underWay = new Map<string, Promise<Operation>>();

  function compile(text: string, operationName: string | undefined): Operation | Promise<Operation> {
    const document = readDocument(supergraph.schema, text, options.limits);
    const key = `${operationName ?? ''}\n${print(document)}`;
    const known = byNormalText.get(key);
    if (known) return known;
    const work = () => build(supergraph, document, operationName, { ...options, length: text.length });
    return compileOnce(key, work, (operation) => byNormalText.set(key, operation));
  }

  /** Who asks for the same meanwhile gets the same. */
  function compileOnce(
    key: string,
    work: () => Promise<Operation>,
    keep: (operation: Operation) => void,
  ): Promise<Operation> {
    const begun = underWay.get(key);
    if (begun) return begun;
    const startedAt = performance.now();
    const compiled = work()
      .then((operation) => {
        keep(operation);
        options.onCompiled?.(performance.now() - startedAt);
        return operation;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, compiled);
    return compiled;
  }

  function find(text: string, operationName: string | undefined): Operation | Promise<Operation> {
    const key = operationName === undefined ? text : `${operationName}\n${text}`;
    const known = byText.get(key);
    if (known) return known.operation;
    const keep = (operation: Operation) => {
      byText.set(key, { operation, text, operationName, labels: NO_LABELS });
      return operation;
    };
    const compiled = compile(text, operationName);
    return compiled instanceof Promise ? compiled.then(keep) : keep(compiled);
  }

  /** An operation as it is planned for a request: most meet no override, and are what they are. */
  function label(
    operation: Operation,
    holds: HoldsLabel,
    { text, operationName }: Omit<RecentOperation, 'labels'>,
  ): Operation | Promise<Operation> {
    const { overrideLabels } = operation;
    if (overrideLabels.length === 0) return operation;
    const labels = overrideLabels.filter(holds);
    if (labels.length === 0) return operation;
    const key = JSON.stringify([labels, operationName ?? null, text]);
    const known = byLabels.get(key);
    if (known) return known.operation;
    const work = () => {
      const document = readDocument(supergraph.schema, text, options.limits);
      const length = text.length;
      return build(supergraph.labelled(labels), document, operationName, { ...options, length });
    };
    return compileOnce(key, work, (labelled) =>
      byLabels.set(key, { operation: labelled, text, operationName, labels }),
    );
  }

  return {
    supergraph,
    get(text, operationName, holds) {
      const found = find(text, operationName);
      if (!holds) return found;
      const asked = { text, operationName };
      return found instanceof Promise
        ? found.then((operation) => label(operation, holds, asked))
        : label(found, holds, asked);
    },
    withheld(operation, unmet) {
      let number = numbers.get(operation);
      if (number === undefined) numbers.set(operation, (number = lastNumber += 1));
      const key = `${number} ${unmet.join()}`;
      const known = byUnmet.get(key) ?? underWay.get(key);
      if (known) return known;
      const startedAt = performance.now();
      const compiled = planned(() => operation.withhold({ indices: unmet, isHopeless }))
        .then((withheld) => {
          byUnmet.set(key, withheld);
          options.onCompiled?.(performance.now() - startedAt);
          return withheld;
        })
        .finally(() => underWay.delete(key));
      underWay.set(key, compiled);
      return compiled;
    },
    recent: () =>
      [...byText.values(), ...byLabels.values()].map(({ text, operationName, labels }) => ({
        text,
        operationName,
        labels,
      })),
    bytes: () => byText.calculatedSize + byNormalText.calculatedSize + byLabels.calculatedSize + byUnmet.calculatedSize,
    size: () => byText.size,
  };
}

async function build(
  supergraph: Supergraph,
  document: DocumentNode,
  operationName: string | undefined,
  { introspection, length }: { introspection: boolean; length: number },
): Promise<Operation> {
  const faults = findFaults(supergraph, document, introspection);
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
  return planned(() => compileOperation(supergraph, document, node, length));
}

/** @throws Refusal when it cannot be planned */
async function planned(compile: () => Promise<Operation>): Promise<Operation> {
  try {
    return await compile();
  } catch (error) {
    if (error instanceof AppError) throw toRefusal(error);
    if (error instanceof UnsupportedPlan)
      throw refuse('OPERATION_REJECTED', [{ message: error.message, extensions: { reason: 'NOT_SERVED' } }]);
    throw error;
  }
}

/** The rule of graphql-js about root fields of subscriptions throws where a variable decides about one. */
function findFaults({ schema }: Supergraph, document: DocumentNode, introspection: boolean): readonly GraphQLError[] {
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
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
      throw refuse('GRAPHQL_VALIDATION_FAILED', [
        new GraphQLError('The name "__proto__" is not served.', { nodes: node }),
      ]);
    },
  });
}
