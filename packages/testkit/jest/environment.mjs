// Jest loads this file outside of its module registry, hence plain JavaScript.
import { setTimeout as delay } from 'node:timers/promises';
import { TestEnvironment } from 'jest-environment-node';

/** What a test file must have stopped when it ends: listeners, connections and child processes. */
const OWNED = new Set(['TCPServerWrap', 'TCPSocketWrap', 'ProcessWrap', 'FSEventWrap', 'MessagePort', 'Worker']);

/** Sockets need a moment to close after `close()` has been called; what is left then was left over. */
const SETTLE_MS = 10_000;
const POLL_MS = 20;

function countOwned() {
  const counts = new Map();
  // Unreferenced handles are not listed: those do not keep a process alive.
  for (const kind of process.getActiveResourcesInfo()) {
    if (OWNED.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** Fails a test file that leaves something running, at the file that did it. */
export default class StrictEnvironment extends TestEnvironment {
  #before = countOwned();
  #file;

  constructor(config, context) {
    super(config, context);
    this.#file = context.testPath;
  }

  async teardown() {
    const leftOver = await this.#findLeftOver();
    await super.teardown();
    if (leftOver.length > 0)
      throw new Error(`${this.#file} leaves running: ${leftOver.join(', ')}. Everything started is stopped.`);
  }

  async #findLeftOver() {
    const deadline = Date.now() + SETTLE_MS;
    for (;;) {
      const leftOver = [...countOwned()]
        .map(([kind, count]) => [kind, count - (this.#before.get(kind) ?? 0)])
        .filter(([, count]) => count > 0)
        .map(([kind, count]) => `${count} ${kind}`);
      if (leftOver.length === 0 || Date.now() > deadline) return leftOver;
      await delay(POLL_MS);
    }
  }
}
