/** sysexits.h: EX_SOFTWARE. */
const EXIT_FAULT = 70;

/** Faults after the first that are only reported; with more than these, nothing good comes of draining. */
const MAX_FAULTS_WHILE_DRAINING = 10;

interface FaultPolicy {
  /** Writes down what was thrown. */
  readonly report: (error: unknown, origin: NodeJS.UncaughtExceptionOrigin) => void;
  /** Takes nothing new, and lets what is under way finish. */
  readonly drain: () => Promise<void>;
  /** Of the drain; what is not done then is cut. */
  readonly drainTimeoutMs: () => number;
  /** Lets what was written down arrive. */
  readonly flush: () => Promise<void>;
}

/**
 * Ends the process when something is thrown, or a promise rejected, that nothing catches: reports it, drains, exits with 70.
 *
 * Nobody knows what such a fault has left behind, so the process is not gone on with; a supervisor starts it again. What others
 * have under way is not the fault's, so it is finished first.
 */
export function exitOnFault({ report, drain, drainTimeoutMs, flush }: FaultPolicy): void {
  const exit = () => process.exit(EXIT_FAULT);
  let faults = 0;
  // Rejections that nobody handles come here too, since there is no listener for them alone (Node, `--unhandled-rejections=throw`).
  process.on('uncaughtException', (error: unknown, origin) => {
    faults += 1;
    try {
      report(error, origin);
    } catch {
      // Where not even the log can be written to, there is nothing to wait for.
      exit();
    }
    if (faults > 1 + MAX_FAULTS_WHILE_DRAINING) exit();
    if (faults > 1) return;
    const end = () => void flush().then(exit, exit);
    setTimeout(end, drainTimeoutMs());
    drain().then(end, end);
  });
}
