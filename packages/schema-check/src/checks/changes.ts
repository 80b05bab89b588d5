import { CriticalityLevel, diff, type Change } from '@graphql-inspector/core';
import type { GraphQLSchema } from 'graphql';
import type { ClientOperation } from '../clients/client-operation.js';
import { collectUses, type Uses } from '../clients/collect-uses.js';
import type { Finding, UsedBy } from '../finding.js';
import type { FindPlace } from '../graph/place.js';
import { toUsedBy } from '../clients/used-by.js';
import { affectedCoordinates } from './affected-coordinates.js';

export interface ChangesOptions {
  /** As findings name it: `api`, `contract public`, `subgraph task`. */
  readonly schema: string;
  readonly before: GraphQLSchema;
  readonly after: GraphQLSchema;
  readonly findPlace: FindPlace;
  /** Null where nothing is known of clients: each breaking change breaks somebody, then. */
  readonly operations: readonly ClientOperation[] | null;
  /** What one subgraph says of itself reaches clients only by the API: it is told, and decides nothing. */
  readonly isInternal?: boolean;
}

const CRITICALITIES = {
  [CriticalityLevel.Breaking]: 'breaking',
  [CriticalityLevel.Dangerous]: 'dangerous',
  [CriticalityLevel.NonBreaking]: 'safe',
} as const;

/**
 * Compares two versions of a schema. A breaking change is an error where an operation uses what it changes, and says which; one
 * that nobody uses is dangerous, and passes.
 */
export async function findChanges(options: ChangesOptions): Promise<Finding[]> {
  const { schema, before, after, findPlace, operations, isInternal = false } = options;
  const changes = await diff(before, after);
  const users = operations === null ? null : listUsers(operations, [before, after]);
  return changes.map((change) => {
    const level = CRITICALITIES[change.criticality.level];
    const usedBy = level === 'safe' || users === null || isInternal ? [] : findUsers(users, change);
    const isUnused = level === 'breaking' && users !== null && usedBy.length === 0;
    const criticality = isUnused && !isInternal ? 'dangerous' : level;
    const place = change.path === undefined ? undefined : findPlace(change.path);
    return {
      check: 'changes' as const,
      code: change.type as string,
      severity: isInternal || criticality === 'safe' ? 'notice' : criticality === 'breaking' ? 'error' : 'warning',
      message: isUnused && !isInternal ? `${change.message}; no operation uses it` : change.message,
      schema,
      criticality,
      ...(change.path !== undefined && { coordinate: change.path }),
      ...(place && { place }),
      ...(usedBy.length > 0 && { usedBy }),
    };
  });
}

interface User {
  readonly operation: ClientOperation;
  readonly uses: readonly Uses[];
}

/** An operation may be older than the schema, or newer: what it uses is looked for in both versions. */
function listUsers(operations: readonly ClientOperation[], schemas: readonly GraphQLSchema[]): User[] {
  return operations.map((operation) => ({
    operation,
    uses: schemas.map((schema) => collectUses(schema, operation.document)),
  }));
}

function findUsers(users: readonly User[], change: Change): UsedBy[] {
  const coordinates = affectedCoordinates(change);
  return users.flatMap(({ operation, uses }) => {
    const nodes =
      coordinates === null
        ? operation.document.definitions
        : uses.flatMap((each) => coordinates.flatMap((coordinate) => each.get(coordinate) ?? []));
    const [node] = nodes;
    if (!node) return [];
    return [toUsedBy(operation, node)];
  });
}
