/**
 * Takes no promise where a hook's answer is used at once. What it comes to is nobody's any more: it is heard, so that its rejection ends
 * no process.
 *
 * @throws TypeError that names the hook
 */
export function assertNoPromise(answer: unknown, hook: string): void {
  const then: unknown = (answer as { then?: unknown } | null | undefined)?.then;
  if (typeof then !== 'function') return;
  void Promise.resolve(answer).catch(() => undefined);
  throw new TypeError(
    `\`${hook}\` has returned a promise, and is not waited for: what takes time is found out before.`,
  );
}
