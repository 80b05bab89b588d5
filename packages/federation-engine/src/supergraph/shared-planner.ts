import { LRUCache } from 'lru-cache';
import { toSentError, type GuestMessage, type HostMessage } from './planner-sharing.js';
import type { GraphDescription } from './planner/planner-messages.js';
import type { PlannerThread } from './planner-thread.js';
import type { SupergraphSource } from './supergraph-source.js';

/** One planner and one watch of the supergraph for several processes, which are its guests. */
export interface SharedPlanner {
  /** Loads the first supergraph. @throws when it cannot be read or planned for */
  start(): Promise<void>;
  /** Takes in a process. @param post sends to it */
  welcome(post: (message: HostMessage) => void): Guest;
  close(): Promise<void>;
}

export interface Guest {
  /** What the process says. */
  take(message: GuestMessage): void;
  /** The process is gone: what was planned for it alone is planned for no more. */
  leave(): void;
}

export interface SharedPlannerOptions {
  readonly planner: PlannerThread;
  readonly source: SupergraphSource;
  /** Of the plans of one version that are kept: what one guest has asked for, the others ask for soon, and so does one that replaces it. */
  readonly maxPlanBytes: number;
}

/** A supergraph that is planned for, under the number that the planner knows. */
interface Version {
  readonly number: number;
  readonly loaded: Promise<GraphDescription>;
  readonly plans: LRUCache<string, string>;
  holders: number;
}

/** A character is two bytes at most. */
const BYTES_PER_CHARACTER = 2;

export function createSharedPlanner({ planner, source, maxPlanBytes }: SharedPlannerOptions): SharedPlanner {
  const versions = new Map<string, Version>();
  const joined = new Set<(message: HostMessage) => void>();
  let current: { readonly text: string; readonly version: Version } | null = null;
  let lastNumber = 0;

  /** A text is loaded once, for as long as anybody holds it. */
  function hold(text: string): Version {
    let version = versions.get(text);
    if (!version) {
      const number = (lastNumber += 1);
      const plans = new LRUCache<string, string>({
        maxSize: maxPlanBytes,
        sizeCalculation: (plan, key) => BYTES_PER_CHARACTER * (plan.length + key.length) + 1,
      });
      version = { number, loaded: planner.load(number, text), plans, holders: 0 };
      versions.set(text, version);
      version.loaded.catch(() => forget(text, number));
    }
    version.holders += 1;
    return version;
  }

  function letGo(text: string, version: Version): void {
    version.holders -= 1;
    if (version.holders > 0) return;
    planner.release(version.number);
    forget(text, version.number);
  }

  function forget(text: string, number: number): void {
    if (versions.get(text)?.number === number) versions.delete(text);
  }

  /** Whether it can be served is found out here first: what no guest could serve is told to none. */
  async function adopt(text: string): Promise<void> {
    const version = hold(text);
    try {
      await version.loaded;
    } catch (error) {
      letGo(text, version);
      throw error;
    }
    const before = current;
    current = { text, version };
    for (const post of joined) post({ kind: 'supergraph', text });
    if (before) letGo(before.text, before.version);
  }

  async function plan(version: Version, asked: GuestMessage & { kind: 'plan' }): Promise<string> {
    const { text, operationName, labels = [], client } = asked;
    const key = JSON.stringify([text, operationName, labels]);
    const known = version.plans.get(key);
    if (known !== undefined) return known;
    const planned = await planner.plan(version.number, text, operationName, labels, client);
    version.plans.set(key, planned);
    return planned;
  }

  function welcome(post: (message: HostMessage) => void): Guest {
    const held = new Map<number, { readonly text: string; readonly version: Version }>();
    const answer = (id: number, answered: Promise<HostMessage>) =>
      void answered.then(post, (error: unknown) => post({ kind: 'failed', id, error: toSentError(error) }));

    function release(number: number): void {
      const known = held.get(number);
      if (known && held.delete(number)) letGo(known.text, known.version);
    }

    return {
      take(message) {
        if (message.kind === 'join') {
          joined.add(post);
          if (current) post({ kind: 'supergraph', text: current.text });
        } else if (message.kind === 'load') {
          const { id, supergraph: text } = message;
          const version = hold(text);
          held.set(message.version, { text, version });
          version.loaded.catch(() => release(message.version));
          answer(
            id,
            version.loaded.then((description) => ({ kind: 'loaded', id, description })),
          );
        } else if (message.kind === 'plan') {
          const { id } = message;
          const known = held.get(message.version);
          // The planner says of a number that it does not know what it says of a version that has been released.
          const planned = known ? plan(known.version, message) : planner.plan(0, message.text, message.operationName);
          answer(
            id,
            planned.then((text) => ({ kind: 'planned', id, plan: text })),
          );
        } else {
          release(message.version);
        }
      },
      leave() {
        joined.delete(post);
        for (const number of [...held.keys()]) release(number);
      },
    };
  }

  return {
    start: () => source.start(adopt),
    welcome,
    async close() {
      const ended = source.close();
      await planner.close();
      await ended;
    },
  };
}
