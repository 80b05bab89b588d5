interface Line {
  (facts: object, text: string): void;
  (text: string): void;
}

/** Where lines go: a pino logger fits, and so does what is made around another one. */
export interface Log {
  readonly debug: Line;
  readonly info: Line;
  readonly warn: Line;
  readonly error: Line;
  /** Whether lines of a level are written at all. */
  isLevelEnabled(level: string): boolean;
  /** A log that adds these facts to each line. */
  child(facts: object): Log;
}

const nothing: Line = () => undefined;

/** Keeps nothing. */
export const SILENT: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  isLevelEnabled: () => false,
  child: () => SILENT,
};
