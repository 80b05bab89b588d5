/** Says why the system cannot start, and what to do about it, in words for the person at the terminal: no stack. */
export class LaunchError extends Error {
  /** What to do; each on a line of its own. */
  readonly advice: readonly string[];

  constructor(message: string, advice: readonly string[] = [], options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'LaunchError';
    this.advice = advice;
  }
}
