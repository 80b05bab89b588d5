export const ACTORS: readonly ['nobody', 'stranger', 'assignee', 'former assignee', 'owner', 'administrator'];
export type Actor = (typeof ACTORS)[number];
export const ENTITY: string;

export interface AccessRow {
  /** A type, or one at the port of a subgraph: `User at auth`, and `Query at task` for what clients do not see. */
  readonly section: string;
  /** `*` is all that no other row names. */
  readonly fields: readonly string[];
  /** What of several ways to ask for a root field it is about. */
  readonly variant: string | null;
  readonly expected: Readonly<Record<Actor, string>>;
  /** File and line. */
  readonly at: string;
}

export interface AccessRules {
  readonly rows: readonly AccessRow[];
  readonly faults: readonly string[];
}

/** The type that a section is about, also at the port of a subgraph. */
export function typeOf(section: string): string;
export function readRules(markdown?: string): AccessRules;
export function sectionsOf(supergraphSdl: string): ReadonlyMap<string, readonly string[]>;
export function expandRules(
  rules: AccessRules,
  sections: ReadonlyMap<string, readonly string[]>,
): Array<Omit<AccessRow, 'fields'> & { readonly field: string }>;
export function findFaults(rules: AccessRules, supergraphSdl: string): string[];
