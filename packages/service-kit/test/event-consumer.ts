import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventEnvelope } from '@taskgraph/contracts';
import type { EventHandler } from '../src/events/event-bus.js';

let lastSequence = 0;

/** An event of the task service, later than the one before; tests say what matters to them. */
export function anEvent(overrides: Partial<EventEnvelope> = {}): EventEnvelope {
  return {
    id: randomUUID(),
    type: 'task.updated.v1',
    source: 'task',
    subject: randomUUID(),
    sequence: String((lastSequence += 1)),
    time: '2026-11-25T12:00:00.000Z',
    data: { version: 1 },
    ...overrides,
  };
}

export interface Try {
  readonly event: EventEnvelope;
  readonly attempt: number;
}

/** A handler that remembers what it was given. */
export interface Consumer {
  readonly handle: EventHandler;
  readonly tries: readonly Try[];
  /** Ids of the events that it has handled, in the order in which it was done with them. */
  readonly done: readonly string[];
  untilDone(...ids: readonly string[]): Promise<void>;
}

/** @param work throws to refuse an event */
export function aConsumer(work: (event: EventEnvelope, attempt: number) => unknown = () => undefined): Consumer {
  const tries: Try[] = [];
  const done: string[] = [];
  return {
    tries,
    done,
    async handle(event, { attempt }) {
      tries.push({ event, attempt });
      await work(event, attempt);
      done.push(event.id);
    },
    untilDone: (...ids) => until(() => ids.every((id) => done.includes(id))),
  };
}

/** A promise that a test settles when it is time. */
export function aGate(): { readonly passed: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(5);
}
