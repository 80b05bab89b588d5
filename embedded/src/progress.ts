import { styleText } from 'node:util';

/** Colours text where a terminal shows it: not in files and pipes, nor where NO_COLOR is set (https://no-color.org). */
export type Paint = (style: 'bold' | 'cyan' | 'green' | 'red' | 'yellow', text: string) => string;

/** Tells the person at the terminal how far things have come. */
export interface Progress {
  /** Prints a line that stays. */
  say(text: string): void;
  /** Shows what is being done, and turns it into a line that stays when it is done. On a terminal the line is rewritten. */
  step<Result>(label: string, work: () => Promise<Result>, summary?: (result: Result) => string): Promise<Result>;
  /** Shows a line that the next one replaces; nothing where lines cannot be replaced. */
  flash(text: string): void;
  readonly paint: Paint;
}

export interface ProgressOptions {
  readonly output: NodeJS.WriteStream;
  /** Says nothing but what `say` is given. */
  readonly quiet: boolean;
}

const LABEL_WIDTH = 12;
const CLEAR_LINE = '\r\u001b[2K';

export function createProgress({ output, quiet }: ProgressOptions): Progress {
  const rewrites = output.isTTY && !quiet;
  const paint: Paint = (style, text) => styleText(style, text, { stream: output });
  let flashed = false;
  const clear = () => {
    if (flashed) output.write(CLEAR_LINE);
    flashed = false;
  };
  const progress: Progress = {
    paint,
    say(text) {
      clear();
      output.write(`${text}\n`);
    },
    flash(text) {
      if (!rewrites) return;
      // A line that wraps cannot be rewritten.
      output.write(`${CLEAR_LINE}${text.slice(0, (output.columns || 80) - 1)}`);
      flashed = true;
    },
    async step(label, work, summary = () => '') {
      const startedAt = performance.now();
      progress.flash(`  … ${label}`);
      const result = await work();
      const seconds = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
      if (!quiet) progress.say(`  ${paint('green', '✓')} ${label.padEnd(LABEL_WIDTH)} ${summary(result)} (${seconds})`);
      return result;
    },
  };
  return progress;
}
