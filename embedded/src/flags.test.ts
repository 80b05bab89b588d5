import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';
import { parseFlags, readHelp } from './flags.js';

describe('flags of npm start', () => {
  it('leave everything to the settings when there are none', () => {
    expect(parseFlags([])).toEqual({
      reset: false,
      seed: null,
      trace: false,
      help: false,
      stopped: [],
      output: 'normal',
    });
  });

  it('are all understood', () => {
    expect(parseFlags(['--reset', '--no-seed', '--trace', '--verbose'])).toEqual({
      reset: true,
      seed: false,
      trace: true,
      help: false,
      stopped: [],
      output: 'verbose',
    });
    expect(parseFlags(['-h']).help).toBe(true);
  });

  it('are told from typing errors, all at once', () => {
    expect(() => parseFlags(['--res', '--loud'])).toThrow(
      /--res is no flag.*Did you mean --reset\?\n--loud is no flag/,
    );
  });

  it.each([
    [['--stop', 'media'], ['media']],
    [
      ['--stop=media,task', '--quiet'],
      ['task', 'media'],
    ],
    [
      ['--stop', 'task', '--stop', 'auth'],
      ['auth', 'task'],
    ],
  ])('leave services out: %j', (parameters, stopped) => {
    expect(parseFlags(parameters).stopped).toEqual(stopped);
  });

  it.each([[['--stop']], [['--stop', 'gateway']], [['--stop=media,nothing']], [['--stop', '--quiet']]])(
    'do not leave out what is none: %j',
    (parameters) => {
      expect(() => parseFlags(parameters)).toThrow(/no such service/);
    },
  );

  it('do not contradict each other', () => {
    expect(() => parseFlags(['--quiet', '--verbose'])).toThrow('contradict');
  });

  it.each(['--reset', '--no-seed', '--trace', '--stop', '--quiet', '--verbose', '--help'])(
    '%s is in the help',
    (flag) => {
      expect(readHelp(fileURLToPath(new URL('../..', import.meta.url)))).toContain(`npm start -- ${flag}`);
    },
  );
});
