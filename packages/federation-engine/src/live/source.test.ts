import { describe, expect, it, jest } from '@jest/globals';
import { SILENT } from '../request/log.js';
import type { FetchStep } from '../compile/plan/steps.js';
import { Source, type SourceListener } from './source.js';
import type { Subscription } from './subscription.js';
import { NO_SUBSCRIPTION_TELEMETRY } from './subscription-telemetry.js';
import type { UpstreamListener, UpstreamSubscription } from './upstream-sockets.js';

/** One subscription at the subgraph, whose time a test decides. */
interface Upstream extends UpstreamListener {
  readonly request: UpstreamSubscription;
  stopped: boolean;
  tell(...ids: string[]): void;
}

/** A source in the name of token after token. */
function startSource() {
  const upstreams: Upstream[] = [];
  const heard: string[] = [];
  let token = 0;
  const listener: SourceListener = {
    carrier: () => ({ outlet: { credentials: { authorization: `${(token += 1)}` } } }) as unknown as Subscription,
    isFull: () => false,
    event: (_event, id) => void heard.push(id ?? ''),
    completed: () => undefined,
    failed: () => undefined,
    tokenRefused: () => undefined,
  };
  const source = new Source(
    { step: { subgraph: 'news', operation: 'subscription { news }' } as FetchStep, variables: {}, lastEventId: null },
    {
      sockets: {
        subscribe(request, told) {
          const upstream: Upstream = {
            ...told,
            request,
            stopped: false,
            tell(...ids) {
              for (const eventId of ids) if (!upstream.stopped) told.next({ data: {}, extensions: { eventId } });
            },
          };
          upstreams.push(upstream);
          return () => void (upstream.stopped = true);
        },
        close: async () => undefined,
      },
      urlOf: () => 'http://news',
      log: SILENT,
      telemetry: NO_SUBSCRIPTION_TELEMETRY,
      retryMs: 60_000,
      stableMs: 9_000,
    },
    listener,
  );
  const open = (): Upstream => {
    source.open();
    return upstreams.at(-1)!;
  };
  return { source, heard, open };
}

const idsOf = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `e${from + index}`);

describe('two upstreams of which one replaces the other', () => {
  it('tell each event once, however far the new one is behind', () => {
    const { source, heard, open } = startSource();
    const first = open();
    first.asked();
    first.tell('e0');
    const second = open();
    second.asked();
    expect(second.request.payload.extensions).toEqual({ lastEventId: 'e0' });
    first.tell(...idsOf(1, 100));
    second.tell(...idsOf(1, 101));
    first.tell(...idsOf(101, 102));
    second.tell(...idsOf(102, 103));
    expect(heard).toEqual(idsOf(0, 103));
    source.close();
  });

  it('are both there until the subgraph has been asked for the new one, and for a moment more', () => {
    jest.useFakeTimers();
    try {
      const { source, heard, open } = startSource();
      const first = open();
      first.asked();
      const second = open();
      // The connection takes its time. A third is wanted before it is there.
      jest.advanceTimersByTime(5_000);
      const third = open();
      expect([first.stopped, second.stopped]).toEqual([false, true]);
      first.tell('e1');
      third.asked();
      first.tell('e2');
      third.tell('e2', 'e3');
      expect(heard).toEqual(idsOf(1, 3));
      jest.advanceTimersByTime(1_000);
      expect([first.stopped, third.stopped]).toEqual([true, false]);
      source.close();
    } finally {
      jest.useRealTimers();
    }
  });

  it('are not there for ever when the new one cannot be asked for', () => {
    jest.useFakeTimers();
    try {
      const { source, open } = startSource();
      const first = open();
      first.asked();
      open();
      jest.advanceTimersByTime(10_000);
      expect(first.stopped).toBe(true);
      source.close();
    } finally {
      jest.useRealTimers();
    }
  });
});
