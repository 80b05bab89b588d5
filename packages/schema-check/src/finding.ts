import path from 'node:path';

/** Where something stands, for people and for tools that show it there. */
export interface Place {
  /** Relative to the folder of the settings file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** An operation of a client that something is about. */
export interface UsedBy {
  readonly operation: string;
  readonly client: string;
  /** Of the very field, argument or value, where the operation comes from a file of GraphQL. */
  readonly place: Place;
  /** Of recorded traffic: since when it is seen, and when it was last. */
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  /** How often, as far as it was counted. */
  readonly count?: number;
}

/** `error` fails the check, `warning` is for the reviewer, `notice` is for the record. */
export type Severity = 'error' | 'warning' | 'notice';

export const CHECKS = ['composition', 'changes', 'operations', 'lint', 'files', 'approvals', 'elsewhere'] as const;
export type CheckName = (typeof CHECKS)[number];

/** One thing that a check has to say. */
export interface Finding {
  readonly check: CheckName;
  /** Closed for each check, such as `FIELD_REMOVED` or `INVALID_GRAPHQL`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** What it is about: `Task.title`, `Query.task(id:)`. */
  readonly coordinate?: string;
  /** Which schema has changed: the API that clients see, one of its contracts, or a subgraph. */
  readonly schema?: string;
  readonly criticality?: 'breaking' | 'dangerous' | 'safe';
  readonly place?: Place;
  readonly usedBy?: readonly UsedBy[];
  /** Why a breaking change passes all the same. */
  readonly approval?: { readonly reason: string; readonly expires: string };
}

export interface OperationFigures {
  readonly operation: string;
  readonly client: string;
  readonly fetches: number;
  readonly cost: number;
}

/** What a whole check has to say. */
export interface Report {
  readonly passed: boolean;
  /** What the changes are changes of; null where there is nothing to compare with. */
  readonly against: string | null;
  readonly changes: { readonly breaking: number; readonly dangerous: number; readonly safe: number };
  readonly findings: readonly Finding[];
  readonly operations: readonly OperationFigures[];
  readonly durationMs: number;
}

/** The same report with its files as they are called from elsewhere. */
export function relocate(report: Report, prefix: string): Report {
  if (prefix === '') return report;
  const move = (place: Place): Place =>
    // Records of a Redis stand in no file.
    place.file.includes('://') ? place : { ...place, file: path.posix.join(prefix, place.file) };
  return {
    ...report,
    findings: report.findings.map(({ place, usedBy, ...finding }) => ({
      ...finding,
      ...(place && { place: move(place) }),
      ...(usedBy && { usedBy: usedBy.map((use) => ({ ...use, place: move(use.place) })) }),
    })),
  };
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, notice: 2 };

/** The worst first, then in the order of checks. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (one, other) =>
      RANK[one.severity] - RANK[other.severity] || CHECKS.indexOf(one.check) - CHECKS.indexOf(other.check),
  );
}
