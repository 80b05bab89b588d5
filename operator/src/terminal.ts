import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';

/** sysexits.h for configuration; 2 is what shells say of wrong arguments. */
export const EXIT = { done: 0, failed: 1, usage: 2, configuration: 78 } as const;

/** Ends a command with words for the person at the terminal, without a stack. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly advice: string | null = null,
    readonly exitCode: number = EXIT.failed,
  ) {
    super(message);
    this.name = 'CommandError';
  }
}

/** Where a command says what it has to say. */
export interface Terminal {
  print(line: string): void;
  printError(line: string): void;
  /** As they are, without an end of line: what help and wrong arguments are told in. */
  writeOut(text: string): void;
  writeError(text: string): void;
  /** Colours a line for `print` where a terminal shows it: not in files and pipes, nor where NO_COLOR is set (https://no-color.org). */
  paint(style: 'green' | 'red' | 'yellow', text: string): string;
  /** Of a command that was asked for JSON, all that it prints. */
  printJson(value: unknown): void;
  /**
   * Makes sure that what destroys is meant: by `--yes`, or by a word that somebody types.
   *
   * @throws CommandError when it is not meant, or nobody is there to be asked
   */
  confirm(what: string, options: { readonly yes: boolean; readonly word: string }): Promise<void>;
}

export function createTerminal(): Terminal {
  return createTerminalOn({
    writeOut: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    paint: (style, text) => styleText(style, text, { stream: process.stdout }),
  });
}

/** The same on streams of one's own. */
export function createTerminalOn({
  writeOut,
  writeError,
  paint = (_style, text) => text,
}: Pick<Terminal, 'writeOut' | 'writeError'> & Partial<Pick<Terminal, 'paint'>>): Terminal {
  return {
    paint,
    writeOut,
    writeError,
    print: (line) => writeOut(`${line}\n`),
    printError: (line) => writeError(`${line}\n`),
    printJson: (value) => writeOut(`${JSON.stringify(value, null, 2)}\n`),
    async confirm(what, { yes, word }) {
      if (yes) return;
      if (!process.stdin.isTTY)
        throw new CommandError(`${what} Nobody is there to be asked.`, 'Add --yes if it is meant.');
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      try {
        const answer = await terminal.question(`${what} Type ${word} to go on: `);
        if (answer.trim() !== word) throw new CommandError('Nothing was changed.');
      } finally {
        terminal.close();
      }
    },
  };
}
