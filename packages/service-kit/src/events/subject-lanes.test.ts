import { describe, expect, it } from '@jest/globals';
import { createSlots, createSubjectLanes } from './subject-lanes.js';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('lanes of subjects', () => {
  it('run the work of a subject one after the other, also after a failure, and of others meanwhile', async () => {
    const lanes = createSubjectLanes();
    const ends: string[] = [];
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const first = lanes.run('a', async () => {
      await gate;
      ends.push('a1');
      throw new Error('a1 fails');
    });
    const second = lanes.run('a', async () => ends.push('a2'));
    await lanes.run('b', async () => ends.push('b1'));
    expect(ends).toEqual(['b1']);
    open();
    await expect(first).rejects.toThrow('a1 fails');
    await second;
    expect(ends).toEqual(['b1', 'a1', 'a2']);
    await lanes.idle();
  });

  it('are idle when what was added meanwhile has ended too', async () => {
    const lanes = createSubjectLanes();
    const ends: number[] = [];
    void lanes.run('a', async () => {
      await nextTurn();
      void lanes.run('b', async () => {
        await nextTurn();
        ends.push(2);
      });
      ends.push(1);
    });
    await lanes.idle();
    expect(ends).toEqual([1, 2]);
  });
});

describe('slots', () => {
  it('let so many run at once, the others in their order, and are free again after a failure', async () => {
    const slots = createSlots(2);
    const begun: number[] = [];
    const opens: Array<() => void> = [];
    const tasks = [0, 1, 2, 3].map((index) =>
      slots(async () => {
        begun.push(index);
        await new Promise<void>((resolve) => (opens[index] = resolve));
        if (index === 0) throw new Error('fails');
      }),
    );
    const [firstFails] = [expect(tasks[0]).rejects.toThrow('fails')];
    await nextTurn();
    expect(begun).toEqual([0, 1]);
    opens[0]?.();
    await firstFails;
    await nextTurn();
    expect(begun).toEqual([0, 1, 2]);
    opens[1]?.();
    await nextTurn();
    opens[2]?.();
    opens[3]?.();
    await Promise.all(tasks.slice(1));
    expect(begun).toEqual([0, 1, 2, 3]);
  });
});
