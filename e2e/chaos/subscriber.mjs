import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { operation } from './operations.mjs';

const RETRY_MS = 200;

/**
 * Follows a task as a careful client does: when its subscription ends, for whatever reason, it subscribes anew with the id of
 * the last event that it saw.
 */
export function follow(url, { token, taskId }) {
  const seen = [];
  let lastEventId;
  let stopped = false;
  let resumed = 0;
  const failures = new Map();
  let current = null;

  async function once() {
    const client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
      lazyCloseTimeout: 0,
    });
    current = client;
    const events = client.iterate({
      query: operation('MediaAttached'),
      variables: { taskId },
      ...(lastEventId !== undefined && { extensions: { lastEventId } }),
    });
    try {
      for await (const { data, errors, extensions } of events) {
        const eventId = extensions?.eventId;
        if (eventId) {
          lastEventId = eventId;
          seen.push({ eventId, mediaId: data?.mediaAttached?.media?.id ?? null });
        } else if (errors) throw new Error(errors[0].message);
      }
    } finally {
      await client.dispose();
    }
  }

  async function loop() {
    while (!stopped) {
      try {
        await once();
      } catch (error) {
        const reason = Array.isArray(error)
          ? error[0]?.message
          : (error?.reason ?? error?.message ?? String(error?.type));
        failures.set(reason, (failures.get(reason) ?? 0) + 1);
      }
      if (stopped) return;
      resumed += 1;
      await delay(RETRY_MS);
    }
  }
  const running = loop();
  return {
    taskId,
    seen,
    resumed: () => resumed,
    failures,
    async stop() {
      stopped = true;
      await current?.dispose();
      await running;
    },
  };
}
