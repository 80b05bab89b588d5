import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('logging-program.mjs', import.meta.url));

async function run(...parameters: string[]): Promise<{ lines: Array<{ index: number; level: string }>; told: string }> {
  const child = spawn(process.execPath, [PROGRAM, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, told] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const lines = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { index: number; level: string });
  return { lines, told };
}

const upTo = (count: number) => Array.from({ length: count }, (_none, index) => index);

describe('lines of a log', () => {
  it.each(['flush', 'leave'])('are all there, in their order, of a process that ends: %s', async (how) => {
    const { lines } = await run(how);
    expect(lines.map(({ index }) => index)).toEqual(upTo(200));
  });

  // What a thread has been given to write may come behind what is written at the exit; none of it is lost.
  it.each([
    ['exit', 200],
    ['late', 201],
  ])('are all there of a process that is told to exit: %s', async (how, count) => {
    const { lines } = await run(how);
    expect(lines.map(({ index }) => index).sort((one, other) => one - other)).toEqual(upTo(count));
  });

  it('are written several at once', async () => {
    const writes = JSON.parse((await run('flush')).told) as number[];
    expect(writes.length).toBeLessThan(20);
    expect(Math.max(...writes)).toBeGreaterThan(4_096);
  });

  it('are written by workers no more at a time than a pipe takes as a whole', async () => {
    const { lines, told } = await run('flush', '1');
    expect(lines.map(({ index }) => index)).toEqual(upTo(200));
    const writes = JSON.parse(told) as number[];
    expect(Math.max(...writes)).toBeLessThanOrEqual(4_096);
    expect(writes.length).toBeLessThan(20);
  });

  it('are not held behind one that warns', async () => {
    const { lines, told } = await run('warn');
    expect(lines.map(({ index }) => index)).toEqual([0, 1]);
    expect(told).toMatch(/^\[\]\[\d+\]$/);
  });

  it('are written before the process dies of what is fatal', async () => {
    const { lines } = await run('fatal');
    expect(lines.map(({ index }) => index)).toEqual(upTo(51));
  });
});
