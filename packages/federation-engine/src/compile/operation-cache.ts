import { print } from 'graphql';
import { LRUCache } from 'lru-cache';
import { Fault } from '../request/fault.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { UnsupportedPlan } from './plan/compile-plan.js';
import { createCostModel } from './cost/cost-model.js';
import type { DocumentLimits } from './document/limits.js';
import { compileOperation, type Operation } from './operation.js';
import { readDocument } from './document/read-document.js';
import { refusalOf, toRefusal } from '../request/refusal.js';
import { createReadingTurns } from './reading-turns.js';
import { createRefusalMemory } from './refusal-memory.js';
import type { Unmet } from './security/withheld-selections.js';
import { validateOperation, type OperationFacts, type ValidOperation } from './valid-operation.js';

export interface OperationCacheOptions {
  readonly maxBytes: number;
  readonly limits: DocumentLimits;
  /** Whether questions about the schema are answered, and names that it does not have are helped with. */
  readonly introspection: boolean;
  /** Tells conditions that nobody meets, whoever signs in. */
  readonly isHopeless?: Unmet['isHopeless'];
  /** Items in a list that nothing bounds, where costs are estimated. */
  readonly assumedListSize?: number;
  /** New documents that wait to be read; beyond that, those of the client that has most are refused. */
  readonly maxWaiting?: number;
  /** Told of each compilation, in milliseconds. */
  readonly onCompiled?: (durationMs: number, operation: Operation) => void;
  /** Told of what was done of it, in the asynchronous context of who has asked for it first. */
  readonly onPhase?: (phase: 'parse' | 'validate' | 'plan', durationMs: number) => void;
}

/** On what terms an operation is planned for who asks for it. */
export interface Admission {
  /** Decides by what is known before planning. @throws Refusal: it is not planned for this request */
  readonly admit: (operation: OperationFacts) => void;
  /** Whose turn it takes to plan it. */
  readonly client: string;
}

/** The operations of one version of the graph: each is parsed, validated, planned and compiled once. */
export interface OperationCache {
  readonly supergraph: Supergraph;
  /**
   * Returns at once what is known; what has to be planned first comes later. A request for what is being planned
   * waits with the first. What was refused is refused again, for a while, without looking at it.
   *
   * @param holds tells of a label of `@override` whether it holds; without it, none does
   * @throws Refusal, at once or later, when the text is no operation of this graph, and what `admission.admit` throws
   */
  get(
    text: string,
    operationName: string | undefined,
    holds?: HoldsLabel,
    admission?: Admission,
  ): Operation | Promise<Operation>;
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

/** An operation that has been read and validated; planned already when another text is the same. */
interface Found {
  /** Of all texts that differ in white space and comments only. */
  readonly key: string;
  readonly known: Operation | ValidOperation;
  readonly textLength: number;
}

const DEFAULT_LIST_SIZE = 10;
const DEFAULT_MAX_WAITING = 1_000;
/** In whose name this process compiles for itself. */
const NOBODY = '';
/** A document takes about as much memory as forty times its text. */
const BYTES_OF_CHARACTER = 40;

export function createOperationCache(supergraph: Supergraph, options: OperationCacheOptions): OperationCache {
  const { maxBytes, isHopeless = () => false } = options;
  const costs = createCostModel(supergraph.schema, supergraph.costs, options.assumedListSize ?? DEFAULT_LIST_SIZE);
  const size = ({ operation, text }: Entry) => operation.bytes + 2 * text.length;
  const byText = new LRUCache<string, Entry>({ maxSize: maxBytes / 2, sizeCalculation: size });
  // Texts that differ in white space and comments only are the same operation.
  const byNormalText = new LRUCache<string, Operation>({
    maxSize: maxBytes / 2,
    sizeCalculation: ({ bytes }, key) => bytes + 2 * key.length,
  });
  /** Operations as they are planned where labels of `@override` hold. */
  const byLabels = new LRUCache<string, Entry>({ maxSize: maxBytes / 2, sizeCalculation: size });
  /** For viewers who may not see all of it. */
  const byUnmet = new LRUCache<string, Operation>({
    maxSize: maxBytes / 2,
    sizeCalculation: ({ bytes }) => bytes,
  });
  const numbers = new WeakMap<Operation, number>();
  let lastNumber = 0;
  /** What waits for a plan, or may not be planned for whoever has asked so far. */
  const valid = new LRUCache<string, Found>({
    maxSize: maxBytes / 8,
    sizeCalculation: ({ textLength }) => 1_000 + BYTES_OF_CHARACTER * textLength,
  });
  const refusals = createRefusalMemory(maxBytes / 8);
  const underWay = new Map<string, Promise<Operation>>();
  const turns = createReadingTurns(options.maxWaiting ?? DEFAULT_MAX_WAITING, NOBODY);

  function inPhase<Result>(phase: 'parse' | 'validate', work: () => Result): Result {
    const startedAt = performance.now();
    try {
      return work();
    } finally {
      options.onPhase?.(phase, performance.now() - startedAt);
    }
  }

  /** @throws Refusal */
  function find(key: string, text: string, operationName: string | undefined): Found {
    const known = valid.get(key);
    if (known) return known;
    const found = refusals.remember(key, () => {
      const document = inPhase('parse', () => readDocument(supergraph.schema, text, options.limits));
      const normal = `${operationName ?? ''}\n${print(document)}`;
      const operation = byNormalText.get(normal);
      const validated = () => validateOperation(supergraph, document, operationName, { ...options, costs });
      const checked = operation ?? inPhase('validate', validated);
      return { key: normal, known: checked, textLength: text.length };
    });
    valid.set(key, found);
    return found;
  }

  function compile({ key, known, textLength }: Found, client: string | undefined): Operation | Promise<Operation> {
    if ('plan' in known) return known;
    const compiled = byNormalText.get(key);
    if (compiled) return compiled;
    const work = () => planned(() => compileOperation(known, costs, { textLength, client }));
    return compileOnce(key, work, (operation) => byNormalText.set(key, operation));
  }

  /** Plans each key once at a time: further requests for it wait with the first. */
  function compileOnce(
    key: string,
    work: () => Promise<Operation>,
    keep: (operation: Operation) => void,
  ): Promise<Operation> {
    const begun = underWay.get(key);
    if (begun) return begun;
    const startedAt = performance.now();
    const compiled = refusals
      .rememberLater(`plan ${key}`, work)
      .then((operation) => {
        keep(operation);
        const durationMs = performance.now() - startedAt;
        options.onPhase?.('plan', durationMs);
        options.onCompiled?.(durationMs, operation);
        return operation;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, compiled);
    return compiled;
  }

  function findUnlabelled(
    text: string,
    operationName: string | undefined,
    admission: Admission | undefined,
  ): Operation | Promise<Operation> {
    const key = operationName === undefined ? text : `${operationName}\n${text}`;
    const known = byText.get(key);
    if (known) {
      admission?.admit(known.operation);
      return known.operation;
    }
    const isRead = valid.has(key) || refusals.has(key);
    const turn = isRead ? null : turns.take(admission?.client ?? NOBODY);
    const begin = () => read(key, { text, operationName }, admission);
    return turn ? turn.then(begin, refuseLater) : begin();
  }

  function read(
    key: string,
    { text, operationName }: Omit<RecentOperation, 'labels'>,
    admission: Admission | undefined,
  ): Operation | Promise<Operation> {
    const found = find(key, text, operationName);
    admission?.admit(found.known);
    const keep = (operation: Operation) => {
      byText.set(key, { operation, text, operationName, labels: NO_LABELS });
      valid.delete(key);
      return operation;
    };
    const compiled = compile(found, admission?.client);
    return compiled instanceof Promise ? compiled.then(keep) : keep(compiled);
  }

  /** An operation as it is planned for a request: most meet no override, and are what they are. */
  function label(
    operation: Operation,
    holds: HoldsLabel,
    { text, operationName }: Omit<RecentOperation, 'labels'>,
    client: string | undefined,
  ): Operation | Promise<Operation> {
    const { overrideLabels } = operation;
    if (overrideLabels.length === 0) return operation;
    const labels = overrideLabels.filter(holds);
    if (labels.length === 0) return operation;
    const key = JSON.stringify([labels, operationName ?? null, text]);
    const known = byLabels.get(key);
    if (known) return known.operation;
    const work = async () => {
      const document = readDocument(supergraph.schema, text, options.limits);
      const asked = validateOperation(supergraph.labelled(labels), document, operationName, { ...options, costs });
      return planned(() => compileOperation(asked, costs, { textLength: text.length, client }));
    };
    return compileOnce(key, work, (labelled) =>
      byLabels.set(key, { operation: labelled, text, operationName, labels }),
    );
  }

  return {
    supergraph,
    get(text, operationName, holds, admission) {
      const found = findUnlabelled(text, operationName, admission);
      if (!holds) return found;
      const asked = { text, operationName };
      return found instanceof Promise
        ? found.then((operation) => label(operation, holds, asked, admission?.client))
        : label(found, holds, asked, admission?.client);
    },
    withheld(operation, unmet) {
      let number = numbers.get(operation);
      if (number === undefined) numbers.set(operation, (number = lastNumber += 1));
      const key = `${number} ${unmet.join()}`;
      const work = () => planned(() => operation.withhold({ indices: unmet, isHopeless }));
      return byUnmet.get(key) ?? compileOnce(key, work, (withheld) => byUnmet.set(key, withheld));
    },
    recent: () =>
      [...byText.values(), ...byLabels.values()].map(({ text, operationName, labels }) => ({
        text,
        operationName,
        labels,
      })),
    bytes: () =>
      byText.calculatedSize +
      byNormalText.calculatedSize +
      byLabels.calculatedSize +
      byUnmet.calculatedSize +
      valid.calculatedSize +
      refusals.bytes(),
    size: () => byText.size,
  };
}

function refuseLater(error: unknown): never {
  throw error instanceof Fault ? toRefusal(error) : error;
}

/** @throws Refusal when it cannot be planned */
async function planned(compile: () => Promise<Operation>): Promise<Operation> {
  try {
    return await compile();
  } catch (error) {
    if (error instanceof Fault) throw toRefusal(error);
    if (error instanceof UnsupportedPlan)
      throw refusalOf('OPERATION_REJECTED', [{ message: error.message, extensions: { reason: error.reason } }]);
    throw error;
  }
}
