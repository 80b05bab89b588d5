import type { Variables } from './cost/amounts.js';

const NO_CONDITIONS: ReadonlyMap<string, boolean> = new Map();

/** Values of the Boolean variables that decide about selections: what is given, or the default. */
export function conditionsOf(
  { deciding }: { readonly deciding: ReadonlyMap<string, boolean> },
  variables: Variables,
): ReadonlyMap<string, boolean> {
  if (deciding.size === 0) return NO_CONDITIONS;
  const values = new Map<string, boolean>();
  for (const [name, fallback] of deciding) {
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    values.set(name, given === undefined ? fallback : given === true);
  }
  return values;
}
