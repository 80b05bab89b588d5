/** The members of a GraphQL request (GraphQL over HTTP, "Request Parameters"). */
export interface GraphQLRequest {
  readonly query: string | undefined;
  /** Of a registered document. */
  readonly documentId?: string | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly extensions: Readonly<Record<string, unknown>>;
}
