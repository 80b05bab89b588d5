import type { ASTNode } from 'graphql';
import type { UsedBy } from '../finding.js';
import { placeOf } from '../graph/place.js';
import type { ClientOperation } from './client-operation.js';

/** Says that an operation uses something, by the node in which it does. */
export function toUsedBy(operation: ClientOperation, node: ASTNode): UsedBy {
  const { name, client, place, isFile, firstSeen, lastSeen, count } = operation;
  return {
    operation: name,
    client,
    place: (isFile ? placeOf(node) : undefined) ?? place,
    ...(firstSeen !== undefined && { firstSeen }),
    ...(lastSeen !== undefined && { lastSeen }),
    ...(count !== undefined && { count }),
  };
}
