import { IDEMPOTENCY_KEY_HEADER } from '@taskgraph/contracts';
import type { SubgraphClient } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';
import { OperationTypeNode } from 'graphql';

/**
 * Passes a client's `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) on with mutations: subgraphs know what it has made. Queries go
 * without it, and stay shared.
 */
export function withIdempotencyKey(inner: SubgraphClient): SubgraphClient {
  return {
    send(request, context) {
      const key =
        request.type === OperationTypeNode.MUTATION ? context.clientHeader?.(IDEMPOTENCY_KEY_HEADER) : undefined;
      if (key === undefined) return inner.send(request, context);
      return inner.send({ ...request, headers: { ...request.headers, [IDEMPOTENCY_KEY_HEADER]: key } }, context);
    },
    invalidate: async (changed) => inner.invalidate?.(changed),
  };
}
