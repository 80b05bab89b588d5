/** What has to be undone, the last first. */
export interface Cleanup {
  add(step: () => Promise<unknown>): void;
  /** Runs every step once, also after one has failed. @throws the first failure */
  run(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const steps: Array<() => Promise<unknown>> = [];
  return {
    add: (step) => void steps.push(step),
    async run() {
      const failures: unknown[] = [];
      for (let step = steps.pop(); step; step = steps.pop())
        await step().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw failures[0];
    },
  };
}
