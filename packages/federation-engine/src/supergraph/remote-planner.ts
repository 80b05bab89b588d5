import type { Log } from '../request/log.js';
import { fromSentError, type GuestMessage, type HostMessage } from './planner-sharing.js';
import type { GraphDescription } from './planner/planner-messages.js';
import { closedError, type PlannerThread } from './planner-thread.js';
import { createWatchedSource, type SupergraphSource } from './supergraph-source.js';

/** The planner and the supergraph of another process, as if they were this one's; see `shared-planner.ts`. */
export interface RemotePlanner {
  readonly planner: PlannerThread;
  readonly source: SupergraphSource;
  /** What the other process says. */
  take(message: HostMessage): void;
}

export interface RemotePlannerOptions {
  /** Sends to the other process. */
  readonly post: (message: GuestMessage) => void;
  readonly log: Log;
  readonly onReload?: (outcome: 'loaded' | 'refused') => void;
}

interface Asked {
  readonly resolve: (answer: HostMessage) => void;
  readonly reject: (error: Error) => void;
}

export function createRemotePlanner({ post, log, onReload }: RemotePlannerOptions): RemotePlanner {
  const asked = new Map<number, Asked>();
  let lastId = 0;
  let closed = false;
  let newest: string | null = null;
  let onSupergraph: () => void = () => undefined;

  function ask(toMessage: (id: number) => GuestMessage): Promise<HostMessage> {
    if (closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const id = (lastId += 1);
      asked.set(id, { resolve, reject });
      post(toMessage(id));
    });
  }

  const source = createWatchedSource({
    async readFirst() {
      post({ kind: 'join' });
      while (newest === null) await new Promise<void>((resolve) => (onSupergraph = resolve));
      return newest;
    },
    read: async () => newest ?? '',
    watch(onChange) {
      onSupergraph = onChange;
      return () => (onSupergraph = () => undefined);
    },
    origin: {},
    log,
    onReload,
  });

  return {
    source,
    planner: {
      async load(version, supergraph): Promise<GraphDescription> {
        const answer = await ask((id) => ({ kind: 'load', id, version, supergraph }));
        if (answer.kind !== 'loaded') throw new Error(`the planner answers with ${answer.kind}`);
        return answer.description;
      },
      async plan(version, text, operationName, labels, client) {
        const answer = await ask((id) => ({ kind: 'plan', id, version, text, operationName, labels, client }));
        if (answer.kind !== 'planned') throw new Error(`the planner answers with ${answer.kind}`);
        return answer.plan;
      },
      release(version) {
        if (!closed) post({ kind: 'release', version });
      },
      async close() {
        closed = true;
        for (const { reject } of asked.values()) reject(closedError());
        asked.clear();
      },
    },
    take(message) {
      if (message.kind === 'supergraph') {
        newest = message.text;
        onSupergraph();
        return;
      }
      const waiting = asked.get(message.id);
      asked.delete(message.id);
      if (message.kind === 'failed') waiting?.reject(fromSentError(message.error));
      else waiting?.resolve(message);
    },
  };
}
