import { describe, expect, it } from '@jest/globals';
import { parseArguments } from './cli-arguments.js';

const KNOWN = ['auth', 'media', 'task'];
const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean), KNOWN);

describe('parseArguments', () => {
  it.each([
    [
      'auth create add due date --empty',
      { databases: ['auth'], json: false, command: { kind: 'create', name: 'add due date', allowEmpty: true } },
    ],
    ['all up', { databases: KNOWN, json: false, command: { kind: 'up' } }],
    ['task down', { databases: ['task'], json: false, command: { kind: 'down', count: 1, confirmed: false } }],
    ['task down 3 --yes', { databases: ['task'], json: false, command: { kind: 'down', count: 3, confirmed: true } }],
    ['all reset --yes', { databases: KNOWN, json: false, command: { kind: 'reset', confirmed: true } }],
    [
      'auth resolve 20260101000000_x',
      { databases: ['auth'], json: false, command: { kind: 'resolve', name: '20260101000000_x' } },
    ],
    ['all status --json', { databases: KNOWN, json: true, command: { kind: 'status' } }],
    [
      'task down --json --yes',
      { databases: ['task'], json: true, command: { kind: 'down', count: 1, confirmed: true } },
    ],
    ['auth up --help', { databases: [], json: false, command: { kind: 'help' } }],
    ['help', { databases: [], json: false, command: { kind: 'help' } }],
  ])('reads "%s"', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it.each([
    ['users up', 'There is no database "users"'],
    ['', 'Say what to do'],
    ['auth', 'Say what to do'],
    ['auth upp', 'There is no command "upp"'],
    ['auth create', 'create needs a name'],
    ['auth down 0', 'down takes one number'],
    ['auth down many', 'down takes one number'],
    ['auth up now', 'up takes no "now"'],
    ['auth up --yes', 'up knows no --yes'],
    ['all resolve 20260101000000_x', 'resolve needs one database'],
  ])('refuses "%s"', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});
