import { createHash } from 'node:crypto';

/** The first line of what a registry publishes: the hash of all that follows it. */
const SEAL = /^# sha256:([0-9a-f]{64})\r?\n/;

/**
 * Tells a text that has been cut off or changed on its way, where its first line says what the rest of it is. A text without such a line
 * says nothing of itself, and is taken as it is, unless nothing is in it: a file is empty between the moment when a writer opens it and
 * the moment when the writer's first bytes arrive.
 *
 * @throws Error when the text is empty, or the rest is another than its first line says
 */
export function assertWhole(text: string): void {
  if (text.trim() === '') throw new Error('it is empty');
  const [line, expected] = SEAL.exec(text) ?? [];
  if (line === undefined || expected === undefined) return;
  const hash = createHash('sha256').update(text.slice(line.length)).digest('hex');
  if (hash !== expected) throw new Error('it is damaged: its first line has the hash of another text');
}
