import { z } from 'zod';
import { CheckError } from './check-error.js';
import type { FileTree } from './sources/file-tree.js';
import { readYaml } from './sources/subgraph-sources.js';

const limits = z.strictObject({
  fetches: z.number().int().positive().optional(),
  cost: z.number().nonnegative().optional(),
  /** With which the cost is estimated. */
  variables: z.record(z.string(), z.unknown()).optional(),
});

const budgetSchema = z.strictObject({
  /** How many items a list has of which nothing says it; as the gateway assumes. */
  assumedListSize: z.number().int().positive().default(10),
  default: limits.default({}),
  operations: z.record(z.string(), limits).default({}),
});

/** How many fetches operations may take, and what they may cost. */
export type Budget = z.infer<typeof budgetSchema>;

export interface OperationBudget {
  readonly fetches: number;
  readonly cost: number;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Reads a budget; where there is no file, everything is within it. @throws CheckError */
export function readBudget(tree: FileTree, file: string | null): Budget {
  if (file === null) return budgetSchema.parse({});
  const text = tree.read(file);
  if (text === null) throw new CheckError(`There is no budget ${file}.`);
  const budget = budgetSchema.safeParse(readYaml(text, file) ?? {});
  if (!budget.success) throw new CheckError(`${file} is no budget: ${z.prettifyError(budget.error)}`);
  return budget.data;
}

/** What an operation says itself goes before what is said of all. */
export function budgetOf({ default: all, operations }: Budget, name: string): OperationBudget {
  const own = Object.hasOwn(operations, name) ? operations[name] : undefined;
  return {
    fetches: own?.fetches ?? all.fetches ?? Infinity,
    cost: own?.cost ?? all.cost ?? Infinity,
    variables: { ...all.variables, ...own?.variables },
  };
}
