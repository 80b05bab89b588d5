import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const FAKE_TERMINAL = new URL('../../packages/testkit/process/fake-terminal.mjs', import.meta.url).href;
const SCREEN = new URL('show-screen.mjs', import.meta.url).pathname;

/** What `npm start` shows of a step, a warning, and what runs where. */
async function show(env: Record<string, string>, isTerminal = true): Promise<string> {
  const parameters = [...(isTerminal ? ['--import', FAKE_TERMINAL] : []), SCREEN];
  const { PATH = '' } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, parameters, { env: { PATH, ...env } });
  // How long a step takes is another matter.
  return stdout.replace(/\(\d+\.\d s\)/, '(0.0 s)');
}

it('shows colours on a terminal that has some, and the same text without them everywhere else', async () => {
  const colours = { TERM: 'xterm-256color' };
  const coloured = await show(colours);
  for (const part of [
    '\u001b[32m✓\u001b[39m a step',
    '\u001b[33mWARN \u001b[39m gateway: slow',
    '\u001b[1mTaskgraph runs\u001b[22m',
    '\u001b[36mhttp://127.0.0.1:3000/graphql\u001b[39m    the graph',
  ])
    expect(coloured).toContain(part);
  const plain = await show(colours, false);
  expect(plain).not.toContain('\u001b');
  expect(plain).toContain('http://127.0.0.1:3000/graphql    the graph');
  for (const env of [{ ...colours, NO_COLOR: '1' }, { TERM: 'dumb' }]) {
    // Lines are still rewritten: that is no colour.
    const shown = (await show(env)).replaceAll(/\r\u001b\[2K( {2}… [^\r]*)?/g, '');
    expect(shown).toBe(plain);
  }
});
