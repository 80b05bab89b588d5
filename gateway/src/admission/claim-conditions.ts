import { z } from 'zod';

type ClaimValue = string | number | boolean;

/** What each of these claims has to be: a value, or one of a list of values. A claim that is a list has to contain it. */
type ClaimCondition = Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>;

/** Conditions on claims, by the policy that they allow; any of them is enough. */
export type PolicyTable = ReadonlyMap<string, readonly ClaimCondition[]>;

const value = z.union([z.string(), z.number(), z.boolean()]);
const condition = z
  .record(z.string(), z.union([value, z.array(value).min(1)]))
  .refine((claims) => Object.keys(claims).length > 0, 'a condition names at least one claim');
const table = z.record(z.string(), z.union([condition, z.array(condition).min(1)]));

/** Reads a table of policies from JSON: `{"staff": {"role": "ADMIN"}}`. @throws Error saying what is wrong */
export function parsePolicyTable(text: string): PolicyTable {
  const parsed = table.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return new Map(
    Object.entries(parsed.data).map(([name, conditions]) => [
      name,
      Array.isArray(conditions) ? conditions : [conditions],
    ]),
  );
}

/** Whether claims meet one of the conditions. */
export function meetsClaims(conditions: readonly ClaimCondition[], claims: Readonly<Record<string, unknown>>): boolean {
  return conditions.some((wanted) =>
    Object.entries(wanted).every(([name, allowed]) => {
      const held = Object.hasOwn(claims, name) ? claims[name] : undefined;
      const values: readonly unknown[] = Array.isArray(held) ? held : [held];
      const list: readonly unknown[] = Array.isArray(allowed) ? allowed : [allowed];
      return values.some((each) => list.includes(each));
    }),
  );
}
