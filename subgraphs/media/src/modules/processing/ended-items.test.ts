import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createEndedItems, type EndedItems } from './ended-items.js';

const LONG_MS = 60_000;
const never = new AbortController().signal;
setMaxListeners(0, never);

interface World {
  readonly items: EndedItems;
  readonly processing: Set<string>;
  readonly running: Set<string>;
  readonly questions: string[][];
}

function createWorld({ lookMs = LONG_MS, fault }: { lookMs?: number; fault?: Error } = {}): World {
  const [processing, running] = [new Set<string>(), new Set<string>()];
  const questions: string[][] = [];
  const items = createEndedItems({
    isRunning: (id) => running.has(id),
    async findProcessing(ids) {
      questions.push(ids);
      const found = new Set(ids.filter((id) => processing.has(id)));
      await delay(1);
      if (fault) throw fault;
      return found;
    },
    lookMs,
  });
  return { items, processing, running, questions };
}

describe('items that are processed no more', () => {
  it('waits for none that is ready', async () => {
    const { items, questions } = createWorld();
    await items.wait('a', LONG_MS, never);
    expect(questions).toEqual([['a']]);
  });

  it('asks once for all that wait, and again when the job of one has ended here', async () => {
    const { items, processing, questions } = createWorld();
    const ids = Array.from({ length: 50 }, (_, index) => String(index));
    for (const id of ids) processing.add(id);
    const waits = ids.map((id) => items.wait(id, LONG_MS, never));
    const second = items.wait('0', LONG_MS, never);
    await delay(20);
    expect(new Set(questions.flat())).toEqual(new Set(ids));
    expect(questions.length).toBeLessThanOrEqual(2);
    processing.clear();
    for (const id of ids) items.tell(id);
    await Promise.all([...waits, second]);
    expect(questions.length).toBeLessThanOrEqual(4);
  });

  it('sees what another process has made ready at the next look', async () => {
    const { items, processing, questions } = createWorld({ lookMs: 5 });
    processing.add('a');
    const wait = items.wait('a', LONG_MS, never);
    while (questions.length < 3) await delay(1);
    processing.delete('a');
    await wait;
  });

  it('does not ask for an item whose job runs here, though its row be gone', async () => {
    const { items, running, questions } = createWorld({ lookMs: 2 });
    running.add('a');
    const wait = items.wait('a', LONG_MS, never);
    await delay(20);
    expect(questions).toEqual([]);
    running.delete('a');
    items.tell('a');
    await wait;
  });

  it('waits no longer than it is told to, nor for a client that has gone', async () => {
    const { items, processing } = createWorld();
    processing.add('a');
    await items.wait('a', 5, never);
    const controller = new AbortController();
    const wait = items.wait('a', LONG_MS, controller.signal);
    controller.abort();
    await wait;
    await items.wait('a', LONG_MS, controller.signal);
  });

  it('tells those that wait that the database does not answer', async () => {
    const { items } = createWorld({ fault: new Error('down') });
    await expect(items.wait('a', LONG_MS, never)).rejects.toThrow('down');
    await expect(items.wait('a', LONG_MS, never)).rejects.toThrow('down');
  });

  it('looks no more when nobody waits', async () => {
    const { items, processing, questions } = createWorld({ lookMs: 2 });
    processing.add('a');
    await items.wait('a', 10, never);
    // A look that is under way ends.
    await delay(5);
    const before = questions.length;
    await delay(20);
    expect(questions).toHaveLength(before);
  });
});
