import type { EngineOptions } from './engine-options.js';

/** What timers can be set to; beyond it Node takes 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Refuses options that types would have refused, where a host has none: a time-out of `Infinity` would end every operation at once, and a
 * hook that is no function would never be called.
 *
 * @throws TypeError that names the option
 */
export function assertOptions(options: EngineOptions | undefined): asserts options is EngineOptions {
  const { supergraph, onFetch, onPlan, authorize, overrideLabels, ...others } = (options ??
    {}) as Partial<EngineOptions>;
  const isNamed = typeof supergraph === 'string' || typeof supergraph?.path === 'string';
  if (!isNamed) throw new TypeError('`supergraph` is SDL, or `{ path }` of a file or an address.');
  for (const name of ['operationTimeoutMs', 'uploadTimeoutMs'] as const) {
    const value: unknown = others[name];
    if (value !== undefined && !(typeof value === 'number' && value >= 1 && value <= LONGEST_MS))
      throw new TypeError(`\`${name}\` is a number of milliseconds, from 1 to ${LONGEST_MS}.`);
  }
  for (const [name, hook] of Object.entries({ onPlan, authorize, overrideLabels }) as Array<[string, unknown]>)
    if (hook !== undefined && typeof hook !== 'function') throw new TypeError(`\`${name}\` is a function.`);
  if (onFetch !== undefined && typeof onFetch !== 'function' && (typeof onFetch !== 'object' || onFetch === null))
    throw new TypeError('`onFetch` is a function, or a table of headers.');
}
