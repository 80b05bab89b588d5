import { EventEmitter, once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import type { RenderedParts } from '@taskgraph/federation-engine/internal/execute/render-parts.js';
import { sendInParts } from './send-parts.js';

/** A response whose client reads when it is told to. */
class SlowResponse extends EventEmitter {
  destroyed = false;
  readonly sent: string[] = [];
  writeHead(): void {
    // Nobody looks at it.
  }
  write(text: string): boolean {
    this.sent.push(text);
    return false;
  }
  end(text: string): void {
    this.sent.push(text);
  }
}

async function* texts(count: number): AsyncGenerator<string> {
  for (let index = 0; index < count; index += 1) yield await Promise.resolve(`{"part":${index}}`);
}

describe('an answer in parts', () => {
  it('waits for a slow client, and leaves no listener behind for any part', async () => {
    const response = new SlowResponse();
    let left = 0;
    const rest: RenderedParts = {
      format: 'deferSpec=20220824',
      [Symbol.asyncIterator]: () => texts(100),
      leave: () => (left += 1),
    };
    const sending = sendInParts(response as unknown as ServerResponse, '{"first":true}', rest);
    let most = 0;
    let isOver = false;
    void sending.finally(() => (isOver = true));
    while (!isOver) {
      most = Math.max(most, response.listenerCount('close') + response.listenerCount('drain'));
      response.emit('drain');
      await Promise.resolve();
    }
    await sending;
    expect(response.sent).toHaveLength(102);
    expect(most).toBeLessThanOrEqual(2);
    expect(response.listenerCount('close') + response.listenerCount('drain')).toBe(0);
    expect(left).toBe(1);
  });

  it('ends when the client goes, whether a part or the client is waited for', async () => {
    for (const isSlow of [true, false]) {
      const response = new SlowResponse();
      if (!isSlow) response.write = () => true;
      const left = new AbortController();
      const rest: RenderedParts = {
        format: 'incrementalSpec=v0.2',
        async *[Symbol.asyncIterator]() {
          if (!left.signal.aborted) await once(left.signal, 'abort');
          yield '{}';
        },
        leave: () => left.abort(),
      };
      const sending = sendInParts(response as unknown as ServerResponse, '{}', rest);
      await Promise.resolve();
      response.destroyed = true;
      response.emit('close');
      await sending;
      expect(response.listenerCount('close') + response.listenerCount('drain')).toBe(0);
    }
  });
});
