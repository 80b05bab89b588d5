/** Runs what is to be done about events: one after the other for a subject, side by side for different ones. */
interface SubjectLanes {
  /** Runs `work` when all work that was added before for this subject has ended, however it ended. */
  run<Result>(subject: string, work: () => Promise<Result>): Promise<Result>;
  /** Resolves when nothing runs or waits any more. */
  idle(): Promise<void>;
}

export function createSubjectLanes(): SubjectLanes {
  const ends = new Map<string, Promise<void>>();
  return {
    run(subject, work) {
      const result = (ends.get(subject) ?? Promise.resolve()).then(work);
      const end = result.then(
        () => forget(),
        () => forget(),
      );
      ends.set(subject, end);
      function forget() {
        if (ends.get(subject) === end) ends.delete(subject);
      }
      return result;
    },
    async idle() {
      while (ends.size > 0) await Promise.all(ends.values());
    },
  };
}

/** Lets a number of tasks run at once; the others wait in their order. */
export type Slots = <Result>(task: () => Promise<Result>) => Promise<Result>;

export function createSlots(count: number): Slots {
  const waiting: Array<() => void> = [];
  let free = count;
  return async (task) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      // The task that waits longest takes the slot over: no other gets in between.
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
