import { OperationTypeNode } from 'graphql';
import { CLIENT_INFO_HEADER } from '@taskgraph/contracts';
import { readClientInfo, type SignClientInfo } from '@taskgraph/service-kit';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import type { SubgraphClient } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';
import { isAdministrator } from './is-administrator.js';

/**
 * Puts around what sends fetches what tells subgraphs which client asks, signed: with mutations, and with what administrators read,
 * which is kept on record. Other reads go without it, and are shared and kept as if nobody in particular had asked.
 */
export function withClientInfo(inner: SubgraphClient, sign: SignClientInfo | null): SubgraphClient {
  if (!sign) return inner;
  return {
    send(request, context) {
      const isTold = request.type === OperationTypeNode.MUTATION || isAdministrator(context.identity);
      if (!isTold) return inner.send(request, context);
      const headers = { ...request.headers, [CLIENT_INFO_HEADER]: sign(toClientInfo(context), context.requestId) };
      return inner.send({ ...request, headers }, context);
    },
    invalidate: async (changed) => inner.invalidate?.(changed),
  };
}

function toClientInfo({ address, clientHeader }: OperationContext) {
  const headers = Object.fromEntries(CLIENT_HEADERS.map((name) => [name, clientHeader?.(name)]));
  const info = readClientInfo(headers, address || null);
  const sessionCookieHash = clientHeader?.(SESSION_COOKIE_HASH);
  return sessionCookieHash === undefined ? info : { ...info, sessionCookieHash };
}

/** What stands for the cookie among the headers of a context; no client can send a header of this name (RFC 9110, section 5.1). */
export const SESSION_COOKIE_HASH = ':session-cookie-hash';

/** What of a client's headers is told. */
const CLIENT_HEADERS = ['user-agent', 'apollographql-client-name'] as const;
