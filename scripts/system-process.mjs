import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { ALLOCATOR } from './allocator.mjs';
import { root } from './prepare.mjs';

/** Small young generations, and a collection after the start: the system waits most of the time. */
const NODE_FLAGS = ['--enable-source-maps', '--max-semi-space-size=4', '--expose-gc'];

/**
 * Runs the built system in a process of its own, which stops when this one goes away.
 *
 * @param {readonly string[]} parameters
 */
export function spawnSystem(parameters) {
  return spawnNode('embedded/dist/main.js', { flags: NODE_FLAGS, parameters, env: ALLOCATOR });
}

/**
 * Runs a built program with flags that Node takes at its start only.
 *
 * @param {string} entry relative to the repository
 * @param {{ flags: readonly string[], parameters: readonly string[], env?: Record<string, string> }} options
 */
export function spawnNode(entry, { flags, parameters, env = {} }) {
  const child = spawn(process.execPath, [...flags, path.join(root, entry), ...parameters], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...env, ...process.env },
  });
  return {
    /** The exit code. */
    ended: new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ? 128 + constants.signals[signal] : code));
    }),
    kill: (signal) => child.kill(signal),
  };
}
