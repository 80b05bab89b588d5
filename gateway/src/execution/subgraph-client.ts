import type { GraphQLFormattedError, OperationTypeNode } from 'graphql';
import type { GatewayContext } from '../context.js';

/** What a subgraph answered to a fetch. */
export interface SubgraphAnswer {
  /** Owned by who asked: it may be changed. */
  readonly data: Record<string, unknown> | null;
  readonly errors: readonly GraphQLFormattedError[];
}

export interface SubgraphRequest {
  readonly subgraph: string;
  readonly type: OperationTypeNode;
  readonly query: string;
  readonly operationName: string | undefined;
  /** The whole body of a JSON request. */
  readonly body: string;
  /** The variables themselves: files among them are streamed in a multipart request instead. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** Sends fetches to subgraphs. */
export interface SubgraphClient {
  /** @throws AppError when no usable answer comes */
  send(request: SubgraphRequest, context: GatewayContext): Promise<SubgraphAnswer>;
}
