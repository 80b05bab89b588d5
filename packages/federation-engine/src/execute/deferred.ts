import { findNamedEntities } from './named-entities.js';
import type { CompiledOperation } from '../compile/operation.js';
import type { DeferredPart, DeferStep, Step } from '../compile/plan/steps.js';
import { AnnouncedParts } from './announced-parts.js';
import type { Execution } from './execution.js';
import type { ExecutionError } from './fetch-errors.js';
import type { IncrementalPart, OperationResult, PendingPart } from './operation-result.js';
import { ArrivedAnswer, findPlaces, isBelow, type Place } from './part-places.js';
import { PartQueue } from './part-queue.js';
import { runStep } from './run-step.js';
import { settleErrors } from './settle-errors.js';
import { copyData } from './merge.js';
import type { Data, ErrorPath } from '../request/data.js';

/** Something that happens once. */
class Event {
  readonly done: Promise<void>;
  happen: () => void = () => undefined;

  constructor() {
    this.done = new Promise<void>((resolve) => (this.happen = resolve));
  }
}

/** A part that others are in. */
interface Enclosing {
  /** It has been handed out, or there is nothing of it. */
  readonly handedOut: Event;
  /** Places where it has become null: what is in it there never comes. */
  readonly lost: ErrorPath[];
  /** The parts that are in it. */
  readonly children: DeferredPart[];
}

/**
 * Runs a plan with deferred parts: the primary part is answered as soon as it is there, each deferred part when the
 * fetches it depends on and its own are done. All parts work on the same data; errors belong to the part whose fetch had
 * them.
 *
 * **Invariants:** a part comes after the one that it is in, and only where that has brought an object; what has been begun
 * comes to an end, whichever conditions leave out what others depend on.
 */
export async function runDeferred(
  operation: CompiledOperation,
  step: DeferStep,
  execution: Execution,
): Promise<OperationResult> {
  const { root, shared, missing, conditions } = execution;
  const parts = new PartQueue();
  /** The planner lets parts depend on fetches that it has left out: of `@skip(if: true)`. */
  const planned = new Set(fetchIds(step));
  const fetches = new Map<string, Event>();
  const announced = new AnnouncedParts();
  let arrived = new ArrivedAnswer(null);

  function fetchOf(id: string): Event {
    let event = fetches.get(id);
    if (!event) fetches.set(id, (event = new Event()));
    return event;
  }

  /** Runs the steps of one part; parts in it are begun with it. */
  async function run(whole: Step | null, errors: ExecutionError[], enclosing: Enclosing): Promise<void> {
    let own = whole;
    while (own?.kind === 'defer') {
      for (const part of own.deferred) {
        enclosing.children.push(part);
        parts.add(runPart(part, enclosing));
      }
      own = own.primary.step;
    }
    if (!own) return;
    const report = (more: readonly ExecutionError[]) => void errors.push(...more);
    try {
      await runStep(own, { ...execution, errors, report, fetched: (id) => fetchOf(id).happen() });
    } finally {
      // Nobody waits for what conditions have left out.
      for (const id of fetchIds(own)) fetchOf(id).happen();
    }
  }

  async function runPart(part: DeferredPart, enclosing: Enclosing): Promise<void> {
    const errors: ExecutionError[] = [];
    const own: Enclosing = { handedOut: new Event(), lost: [], children: [] };
    try {
      await Promise.all(part.depends.filter((id) => planned.has(id)).map((id) => fetchOf(id).done));
      await run(part.step, errors, own);
      await invalidate();
      await enclosing.handedOut.done;
      own.lost.push(...enclosing.lost);
      handOut(part, errors, own);
    } finally {
      own.handedOut.happen();
    }
  }

  /** Where a part has an object to be in. */
  function placesOf({ path }: DeferredPart, lost: readonly ErrorPath[]): Place[] {
    return findPlaces(root, path).filter(({ at }) => arrived.has(at) && !lost.some((place) => isBelow(at, place)));
  }

  /** Tells of the parts that are in one that is handed out. */
  function announce({ children, lost }: Enclosing): PendingPart[] {
    return children.flatMap((part) => placesOf(part, lost).flatMap(({ at }) => announced.add(part, at) ?? []));
  }

  function handOut(part: DeferredPart, errors: readonly ExecutionError[], own: Enclosing): void {
    const { name } = part;
    const { lost } = own;
    const places = placesOf(part, lost);
    const ready: IncrementalPart[] = [];
    // An error that says no place is told with the first.
    const unplaced = errors.filter((error) => !places.some(({ at }) => isBelow(error.path, at)));
    for (const [index, { value, at }] of places.entries()) {
      const write = operation.writers.part(part, value['__typename'], conditions);
      if (!write) return;
      const { text, value: written, violations, leftOut } = write(value, shared, missing);
      if (text === null) lost.push(at);
      else arrived.add(at, written as Data);
      const told = [...(index === 0 ? unplaced : []), ...errors.filter((error) => isBelow(error.path, at))];
      const late = announced.add(part, at);
      ready.push({
        ...announced.take(name, at),
        pending: late ? [late] : [],
        data: text ?? 'null',
        isEmpty: text === '{}' && told.length === 0,
        ...settleErrors(
          told,
          violations.map((violation) => ({ ...violation, path: [...at, ...violation.path] })),
        ),
        leftOut,
      });
    }
    // What was announced comes to an end, also where its object has gone meanwhile.
    for (const gone of announced.takeAll(name))
      ready.push({ ...gone, pending: [], data: 'null', isEmpty: true, errors: [], violations: [], leftOut: 0 });
    const last = ready.pop();
    if (last) ready.push({ ...last, pending: [...last.pending, ...announce(own)] });
    for (const each of ready) parts.emit(each);
  }

  /** Before the client hears of what a mutation has changed. */
  async function invalidate(): Promise<void> {
    if (operation.type === 'mutation')
      await execution.client.invalidate?.(findNamedEntities(operation.entityNames, root));
  }

  const primaryErrors: ExecutionError[] = [];
  const primary: Enclosing = { handedOut: new Event(), lost: [], children: [] };
  await run(step, primaryErrors, primary);
  await invalidate();
  const written = operation.writers.primary(conditions)(root, shared, missing);
  const { text, value, violations, leftOut, objects } = written;
  // What is told of the first part does not grow with what comes later.
  arrived = new ArrivedAnswer(value === null ? null : copyData(value as Data));
  parts.pending = announce(primary);
  primary.handedOut.happen();
  const settled = settleErrors(primaryErrors, violations);
  return {
    data: text ?? 'null',
    isAscii: false,
    value: () => (value === null ? null : copyData(value as Data)),
    ...settled,
    leftOut,
    objects,
    cachePolicy: null,
    rest: parts,
  };
}

/** Ids of all fetches in a step, those that conditions may leave out included. */
function fetchIds(step: Step | null): string[] {
  switch (step?.kind) {
    case undefined:
      return [];
    case 'fetch':
      return step.id === null ? [] : [step.id];
    case 'sequence':
    case 'parallel':
      return step.steps.flatMap(fetchIds);
    case 'condition':
      return [...fetchIds(step.ifTrue), ...fetchIds(step.ifFalse)];
    case 'defer':
      return [...fetchIds(step.primary.step), ...step.deferred.flatMap((part) => fetchIds(part.step))];
  }
}
