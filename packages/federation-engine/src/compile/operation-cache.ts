import { print } from 'graphql';
import { LRUCache } from 'lru-cache';
import { Fault } from '../request/fault.js';
import type { Supergraph } from '../supergraph/supergraph.js';
import { UnsupportedPlan } from './plan/compile-plan.js';
import { createCostModel } from './cost/cost-model.js';
import type { DocumentLimits } from './document/limits.js';
import { compileOperation, compileWithheld } from './compile-operation.js';
import type { Operation } from './operation.js';
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
  /** Tells conditions that nobody meets, whichever user signs in. */
  readonly isHopeless?: Unmet['isHopeless'];
  /** Items in a list that nothing bounds, where costs are estimated. */
  readonly assumedListSize?: number;
  /** New documents that wait to be read; beyond that, those of the client that has most are refused. */
  readonly maxWaiting?: number;
  /** Told of each compilation, in milliseconds. */
  readonly onCompiled?: (durationMs: number, operation: Operation) => void;
  /** Told of what was done of it, in the asynchronous context of the caller that has asked for it first. */
  readonly onPhase?: (phase: 'parse' | 'validate' | 'plan', durationMs: number) => void;
}

/** On what terms an operation is planned for its viewer. */
export interface Admission {
  /** Decides by what is known before planning. @throws Refusal: it is not planned for this request */
  readonly admit: (operation: OperationFacts) => void;
  /** What of it is withheld from the viewer: see `Authorization.unmet`. Nothing is where it is absent. */
  readonly unmet?: (operation: OperationFacts) => readonly number[] | Promise<readonly number[]>;
  /** The client whose turn it takes to plan it. */
  readonly client: string;
}

/** The operations of one version of the graph: each is parsed, validated, planned and compiled once. */
export interface OperationCache {
  readonly supergraph: Supergraph;
  /**
   * Returns at once what is known; what has to be planned first comes later. A request for what is being planned
   * waits with the first. What was refused is refused again, for a while, without looking at it. Of an operation of which
   * something is withheld, only what is left is planned.
   *
   * @param holds tells of a label of `@override` whether it holds; without it, none does
   * @throws Refusal, at once or later, when the text is no operation of this graph, and what `admission` throws
   */
  get(
    text: string,
    operationName: string | undefined,
    holds?: HoldsLabel,
    admission?: Admission,
  ): Operation | Promise<Operation>;
  /**
   * An operation for viewers who do not meet these conditions of the graph; see `compileWithheld`.
   *
   * @throws Refusal, at once or later, when what is left of it cannot be planned
   */
  withheld(base: ValidOperation, unmet: readonly number[], client?: string): Operation | Promise<Operation>;
  /** What was asked for, the most recently used first. */
  recent(): RecentOperation[];
  readonly bytes: () => number;
  readonly size: () => number;
}

type HoldsLabel = (label: string) => boolean;

interface RecentOperation {
  readonly text: string;
  readonly operationName: string | undefined;
  /** Of `@override`, those that hold. */
  readonly labels: readonly string[];
}

interface Entry extends RecentOperation {
  readonly operation: Operation;
}

const NO_LABELS: readonly string[] = [];

const NO_CONDITIONS: readonly number[] = [];

type Known = Operation | ValidOperation;

/** An operation that has been read and validated; planned already when another text is the same. */
interface Found {
  /** Of all texts that differ in white space and comments only. */
  readonly key: string;
  readonly known: Known;
}

/** What a request asks for. */
interface Asked {
  /** Of the text and the name. */
  readonly key: string;
  readonly text: string;
  readonly operationName: string | undefined;
  readonly holds: HoldsLabel | undefined;
  readonly admission: Admission | undefined;
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
  const numbers = new WeakMap<ValidOperation, number>();
  let lastNumber = 0;
  /** What waits for a plan, or may not be planned as a whole for any viewer so far: by its text, and by its normal text. */
  const valid = new LRUCache<string, Found>({
    maxSize: maxBytes / 8,
    sizeCalculation: ({ known }) => 1_000 + BYTES_OF_CHARACTER * baseOf(known).textLength,
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
  function find({ key, text, operationName }: Asked): Found {
    const known = valid.get(key);
    if (known) return known;
    const found = refusals.remember(refusalKey(operationName, key), () => {
      const document = inPhase('parse', () => readDocument(supergraph.schema, text, options.limits));
      const normal = `${operationName ?? ''}\n${print(document)}`;
      const compiled = byNormalText.get(normal);
      if (compiled) return { key: normal, known: compiled };
      const validated = () =>
        validateOperation(supergraph, document, operationName, { ...options, costs, textLength: text.length });
      return valid.get(normal) ?? { key: normal, known: inPhase('validate', validated) };
    });
    valid.set(key, found);
    valid.set(found.key, found);
    return found;
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

  /** The operation as it is planned for the viewer: where their labels hold, and without what they may not see. */
  function choose(found: Found, asked: Asked): Operation | Promise<Operation> {
    const { admission } = asked;
    const labels = heldLabels(found.known, asked.holds);
    const known = labels.length === 0 ? found.known : labelled(found.known, labels, asked);
    const plan = (unmet: readonly number[]) => {
      if (unmet.length > 0) return withheld(baseOf(known), unmet, admission?.client);
      return labels.length === 0 ? compile(found, asked) : compileLabelled(known, labels, asked);
    };
    if (!admission?.unmet || known.secured.length === 0) return plan(NO_CONDITIONS);
    const unmet = admission.unmet(known);
    return unmet instanceof Promise ? unmet.then(plan) : plan(unmet);
  }

  /** A compiled operation, or what is left of it for the viewer. */
  function served(operation: Operation, admission: Admission | undefined): Operation | Promise<Operation> {
    if (!admission?.unmet || operation.secured.length === 0) return operation;
    const unmet = admission.unmet(operation);
    if (unmet instanceof Promise)
      return unmet.then((some) => (some.length === 0 ? operation : withheld(operation.base, some, admission.client)));
    return unmet.length === 0 ? operation : withheld(operation.base, unmet, admission.client);
  }

  function compile({ key: normal, known }: Found, asked: Asked): Operation | Promise<Operation> {
    const { key, text, operationName } = asked;
    const keep = (operation: Operation) => {
      byText.set(key, { operation, text, operationName, labels: NO_LABELS });
      valid.delete(key);
      valid.delete(normal);
      return operation;
    };
    if ('plan' in known) return byText.has(key) ? known : keep(known);
    const compiled = byNormalText.get(normal);
    if (compiled) return keep(compiled);
    const work = () => planned(() => compileOperation(known, asked.admission?.client));
    return compileOnce(normal, work, (operation) => byNormalText.set(normal, operation)).then(keep);
  }

  /** An operation as it is where labels of `@override` hold: most meet none. */
  function labelled(known: Known, labels: readonly string[], asked: Asked): Known {
    const key = labelKey(labels, asked);
    const before = byLabels.get(key)?.operation ?? valid.get(key)?.known;
    if (before) return before;
    const base: ValidOperation = { ...baseOf(known), supergraph: supergraph.labelled(labels) };
    valid.set(key, { key, known: base });
    return base;
  }

  function compileLabelled(known: Known, labels: readonly string[], asked: Asked): Operation | Promise<Operation> {
    if ('plan' in known) return known;
    const { text, operationName, admission } = asked;
    const key = labelKey(labels, asked);
    const work = () => planned(() => compileOperation(known, admission?.client));
    return compileOnce(key, work, (operation) => {
      byLabels.set(key, { operation, text, operationName, labels });
      valid.delete(key);
    });
  }

  function withheld(
    base: ValidOperation,
    unmet: readonly number[],
    client: string | undefined,
  ): Operation | Promise<Operation> {
    let number = numbers.get(base);
    if (number === undefined) numbers.set(base, (number = lastNumber += 1));
    const key = `${number} ${unmet.join()}`;
    const work = () => planned(() => compileWithheld(base, { indices: unmet, isHopeless }, client));
    return byUnmet.get(key) ?? compileOnce(key, work, (operation) => byUnmet.set(key, operation));
  }

  return {
    supergraph,
    get(text, operationName, holds, admission) {
      const key = operationName === undefined ? text : `${JSON.stringify(operationName)}${text}`;
      const compiled = byText.get(key)?.operation;
      if (compiled) admission?.admit(compiled);
      // The most frequent case: where labels change nothing.
      if (compiled?.overrideLabels.length === 0) return served(compiled, admission);
      const asked = { key, text, operationName, holds, admission };
      if (compiled) return choose({ key, known: compiled }, asked);
      const begin = () => {
        const found = find(asked);
        admission?.admit(found.known);
        return choose(found, asked);
      };
      const isRead = valid.has(key) || refusals.has(refusalKey(operationName, key));
      const turn = isRead ? null : turns.take(admission?.client ?? NOBODY);
      return turn ? turn.then(begin, throwRefusal) : begin();
    },
    withheld,
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

function baseOf(known: Known): ValidOperation {
  return 'plan' in known ? known.base : known;
}

function heldLabels({ overrideLabels }: Known, holds: HoldsLabel | undefined): readonly string[] {
  return holds === undefined || overrideLabels.length === 0 ? NO_LABELS : overrideLabels.filter(holds);
}

function labelKey(labels: readonly string[], { operationName, text }: Asked): string {
  return JSON.stringify([labels, operationName ?? null, text]);
}

/** A text without a name may begin as one with a name does, and is refused for it: that is no refusal of the other. */
function refusalKey(operationName: string | undefined, key: string): string {
  return `${operationName === undefined ? 'text' : 'name'} ${key}`;
}

function throwRefusal(error: unknown): never {
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
