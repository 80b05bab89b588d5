import type { CoreFeatures, Directive, Schema } from '@apollo/federation-internals';
import { hasGuardsOfItsOwn } from './interface-guards.js';
import { isFieldsType, requiredCoordinates } from './required-coordinates.js';
import { ENFORCED, type EnforcedDirective, type SecurityCondition } from './security-features.js';

export type { SecurityCondition } from './security-features.js';

/** What it takes to select fields and to see types. */
export interface SecurityRequirements {
  /** Each once. */
  readonly conditions: readonly SecurityCondition[];
  /** By schema coordinate (`Query.me`, `AuditEvent`): indices of the conditions, all of which have to hold. */
  readonly byCoordinate: ReadonlyMap<string, readonly number[]>;
}

/**
 * Reads what a supergraph asks of its viewers. Directives are known by the feature that they are of, whatever their names are.
 *
 * A field asks, beside its own, what the fields ask that a subgraph gets to resolve it: those of its `@requires`, and those
 * that its arguments take from a context (Federation 2.12 composes no other graph, earlier versions do). A field that comes of an
 * `@interfaceObject` asks of each object what it asks of the interface, and what the interface itself asks where that was written on it
 * (see `interface-guards.ts`).
 */
export function collectRequirements(schema: Schema): SecurityRequirements {
  const conditions = new ConditionTable();
  const own = new Map<string, readonly number[]>();
  const { coreFeatures } = schema;
  if (!coreFeatures) return { conditions: [], byCoordinate: own };
  const note = (coordinate: string, directives: readonly Directive[]) => {
    const found = directives.flatMap((directive) => {
      const condition = toCondition(coreFeatures, directive);
      return condition ? [conditions.indexOf(condition)] : [];
    });
    if (found.length > 0) own.set(coordinate, unique(found));
  };
  for (const type of schema.types()) {
    note(type.name, type.appliedDirectives);
    if (isFieldsType(type)) for (const field of type.fields()) note(field.coordinate, field.appliedDirectives);
  }
  if (own.size === 0) return { conditions: [], byCoordinate: own };
  const guardsOf = (type: string) => (own.get(type) ?? []).flatMap((index) => conditions.all[index] ?? []);
  const required = requiredCoordinates(schema, { interfaces: hasGuardsOfItsOwn(schema, guardsOf) });
  return { conditions: conditions.all, byCoordinate: withRequired(required, own) };
}

function withRequired(
  required: ReadonlyMap<string, ReadonlySet<string>>,
  own: ReadonlyMap<string, readonly number[]>,
): Map<string, readonly number[]> {
  const all = new Map(own);
  for (const [coordinate, needed] of required) {
    const found = [coordinate, ...needed].flatMap((each) => own.get(each) ?? []);
    if (found.length > 0) all.set(coordinate, unique(found));
  }
  return all;
}

function toCondition(features: CoreFeatures, directive: Directive): SecurityCondition | null {
  switch (enforcedDirective(features, directive)) {
    case null:
      return null;
    case 'authenticated':
      return { kind: 'authenticated' };
    case 'requiresScopes':
      return { kind: 'scopes', anyOf: namesOf(directive, 'scopes') };
    case 'policy':
      return { kind: 'policies', anyOf: namesOf(directive, 'policies') };
  }
}

/** Each of the features has one directive. What else is applied in its name is taken for that. */
function enforcedDirective(features: CoreFeatures, directive: Directive): EnforcedDirective | null {
  return ENFORCED.get(features.sourceFeature(directive)?.feature.url.identity ?? '') ?? null;
}

/** What is no list of lists of names can be met by nobody. */
function namesOf(directive: Directive, argument: string): string[][] {
  const value: unknown = (directive.arguments() as Readonly<Record<string, unknown>>)[argument];
  if (!Array.isArray(value)) return [];
  return value.filter(Array.isArray).map((names: unknown[]) => [...new Set(names.map(String))].sort());
}

class ConditionTable {
  readonly all: SecurityCondition[] = [];
  readonly #indices = new Map<string, number>();

  indexOf(condition: SecurityCondition): number {
    const key = JSON.stringify(condition);
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.all.push(condition) - 1;
      this.#indices.set(key, index);
    }
    return index;
  }
}

function unique(indices: readonly number[]): number[] {
  return [...new Set(indices)].sort((one, other) => one - other);
}
