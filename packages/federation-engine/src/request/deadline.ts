import type { CancelSignal } from './cancellation.js';
import { Fault } from './fault.js';
import { toRefusal } from './refusal.js';

/** What an operation ends with whose time is up. */
export function deadlineExceeded(timeoutMs: number): Fault {
  return new Fault('DEADLINE_EXCEEDED', `The answer did not arrive within ${timeoutMs} ms.`);
}

/** Waits for an operation to be planned, but no longer than it may take as a whole. @throws Refusal DEADLINE_EXCEEDED */
export function untilDeadline<Value>(work: Promise<Value>, signal: CancelSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      const reason: unknown = signal.reason;
      // A client that has gone away needs no answer: what is planned for it is there for the next one that asks.
      if (reason instanceof Fault) reject(toRefusal(reason));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
