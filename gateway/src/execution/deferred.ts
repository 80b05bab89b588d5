import { parse, Kind, isCompositeType, getNamedType, type GraphQLCompositeType, type SelectionSetNode } from 'graphql';
import type { Operation } from '../planning/operation.js';
import { clientName } from '../planning/response-names.js';
import type { DeferredPart, DeferStep, Step } from '../planning/steps.js';
import type { Execution } from './execution.js';
import type { ExecutionError } from './fetch-errors.js';
import type { IncrementalPart, OperationResult } from './operation-result.js';
import { compileResponseWriter, type ResponseWriter } from './response-writer.js';
import { runStep } from './run-step.js';
import { own, type Data, type ErrorPath } from './targets.js';

/**
 * Runs a plan with deferred parts: the primary part is answered as soon as it is there, each deferred part when the
 * fetches it depends on and its own are done. All parts work on the same data; errors belong to the part whose fetch had
 * them.
 */
export async function runDeferred(
  operation: Operation,
  step: DeferStep,
  execution: Execution,
): Promise<OperationResult> {
  const parts = new PartQueue();
  const fetched = new Map<string, { done: Promise<void>; resolve: () => void }>();
  const fetchOf = (id: string) => {
    let entry = fetched.get(id);
    if (!entry) {
      let resolve: () => void = () => undefined;
      const done = new Promise<void>((settle) => (resolve = settle));
      entry = { done, resolve };
      fetched.set(id, entry);
    }
    return entry;
  };

  const within = (errors: ExecutionError[]): Execution => ({
    ...execution,
    errors,
    report: (more) => void errors.push(...more),
    fetched: (id) => fetchOf(id).resolve(),
  });

  async function run(inner: Step, scope: Execution, basePath: readonly string[]): Promise<void> {
    if (inner.kind !== 'defer') return runStep(inner, scope);
    schedule(inner, basePath);
    if (inner.primary.step) await run(inner.primary.step, scope, basePath);
  }

  function schedule({ deferred }: DeferStep, basePath: readonly string[]): void {
    for (const part of deferred) parts.add(runPart(part, [...basePath, ...part.path]));
  }

  async function runPart(part: DeferredPart, path: readonly string[]): Promise<void> {
    await Promise.all(part.depends.map((id) => fetchOf(id).done));
    const errors: ExecutionError[] = [];
    const scope = within(errors);
    if (part.step) await run(part.step, scope, []);
    if (part.subselection === null) return;
    const places = findPlaces(execution.root, path);
    for (const { value, at } of places) {
      const write = partWriter(operation, part.subselection, path, execution.conditions, value);
      const { text, violations } = write(value, execution.shared, execution.missing);
      const below =
        places.length === 1 ? errors : errors.filter(({ path: of }) => at.every((name, i) => of?.[i] === name));
      parts.emit({ label: part.label, path: at, data: text ?? 'null', errors: below, violations });
    }
  }

  const primaryErrors: ExecutionError[] = [];
  const scope = within(primaryErrors);
  schedule(step, []);
  if (step.primary.step) await run(step.primary.step, scope, []);
  const { text, violations, objects } = primaryWriter(operation, execution.conditions)(
    execution.root,
    execution.shared,
    execution.missing,
  );
  return { data: text ?? 'null', errors: primaryErrors, violations, objects, cachePolicy: null, rest: parts };
}

/** Parts that are there wait until they are read; the end comes when no work is left. */
class PartQueue implements AsyncIterable<IncrementalPart> {
  readonly #ready: IncrementalPart[] = [];
  #pending = 0;
  #failure: unknown = null;
  #wake: () => void = () => undefined;

  add(work: Promise<void>): void {
    this.#pending += 1;
    work
      .catch((error: unknown) => (this.#failure ??= error))
      .finally(() => {
        this.#pending -= 1;
        this.#wake();
      });
  }

  emit(part: IncrementalPart): void {
    this.#ready.push(part);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IncrementalPart> {
    for (;;) {
      const part = this.#ready.shift();
      if (part) yield part;
      else if (this.#failure) throw this.#failure as Error;
      else if (this.#pending === 0) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const FRAGMENT = '... on ';

function findPlaces(root: Data, path: readonly string[]): Array<{ value: Data; at: ErrorPath }> {
  const places: Array<{ value: Data; at: ErrorPath }> = [];
  const walk = (value: unknown, depth: number, at: ErrorPath): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) walk(item, depth, [...at, index]);
      return;
    }
    const element = path[depth];
    if (element === undefined) places.push({ value: value as Data, at });
    else if (element.startsWith(FRAGMENT) || element === '@') walk(value, depth + 1, at);
    else walk(own(value as Data, element), depth + 1, [...at, clientName(element)]);
  };
  walk(root, 0, []);
  return places;
}

const writers = new WeakMap<Operation, Map<string, ResponseWriter>>();

/** Finds or makes a writer that is kept with its operation. */
function writerFor(operation: Operation, key: string, compile: () => ResponseWriter): ResponseWriter {
  const known = writers.get(operation) ?? new Map<string, ResponseWriter>();
  writers.set(operation, known);
  const writer = known.get(key) ?? compile();
  known.set(key, writer);
  return writer;
}

/** Writes everything that is not put off. */
function primaryWriter(operation: Operation, conditions: ReadonlyMap<string, boolean>): ResponseWriter {
  const { supergraph, fragments, rootType, node } = operation;
  return writerFor(operation, `primary ${[...conditions.values()].join()}`, () =>
    compileResponseWriter({ schema: supergraph.schema, fragments, conditions, withoutDeferred: true }, rootType, [
      node.selectionSet,
    ]),
  );
}

/** The writer of a part's selection, which the planner gives as text; for a place without a type of its own, of the declared type. */
function partWriter(
  operation: Operation,
  subselection: string,
  path: readonly string[],
  conditions: ReadonlyMap<string, boolean>,
  value: Data,
): ResponseWriter {
  const { schema } = operation.supergraph;
  const typename = path.length === 0 ? operation.rootType.name : value['__typename'];
  const named = typeof typename === 'string' ? schema.getType(typename) : undefined;
  const type = isCompositeType(named) ? named : typeAt(operation, path);
  const key = `${type.name} ${[...conditions.values()].join()} ${path.join('.')} ${subselection}`;
  const { fragments } = operation;
  return writerFor(operation, key, () =>
    compileResponseWriter({ schema, fragments, conditions }, type, [parseSelection(subselection)]),
  );
}

function parseSelection(text: string): SelectionSetNode {
  const [definition] = parse(text, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error('a subselection is no selection set');
  return definition.selectionSet;
}

/** The type declared at a path of response names. */
function typeAt({ supergraph, rootType, node, fragments }: Operation, path: readonly string[]): GraphQLCompositeType {
  let type: GraphQLCompositeType = rootType;
  let selections: readonly SelectionSetNode[] = [node.selectionSet];
  for (const element of path) {
    if (element.startsWith(FRAGMENT)) {
      const named = supergraph.schema.getType(element.slice(FRAGMENT.length));
      if (isCompositeType(named)) type = named;
      continue;
    }
    const fields = findFields(selections, element, fragments);
    const definition = 'getFields' in type ? type.getFields()[fields[0]?.name.value ?? ''] : undefined;
    const named = definition && getNamedType(definition.type);
    if (!named || !isCompositeType(named)) break;
    type = named;
    selections = fields.flatMap(({ selectionSet }) => selectionSet ?? []);
  }
  return type;
}

function findFields(
  selections: readonly SelectionSetNode[],
  name: string,
  fragments: Operation['fragments'],
): Array<{ name: { value: string }; selectionSet?: SelectionSetNode | undefined }> {
  return selections.flatMap((set) =>
    set.selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return (selection.alias ?? selection.name).value === name ? [selection] : [];
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      return fragment ? findFields([fragment.selectionSet], name, fragments) : [];
    }),
  );
}
