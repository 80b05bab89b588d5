/** As graphql-js writes them behind what is wrong with a document, or with a variable. */
const SUGGESTIONS =
  / Did you mean (?:to use [^?"]*|an inline fragment on |the enum value )?"[^"]*"(?:, "[^"]*")*(?:,? or "[^"]*")?\?/g;

/**
 * Takes the suggestions of graphql-js out of a subgraph's message: it may know names that its graph hides. What it says of its own
 * rules is its own.
 */
export function withoutSuggestions(message: string, code: unknown): string {
  const isOfGraphQL = code === 'GRAPHQL_VALIDATION_FAILED' || message.startsWith('Variable "$');
  return isOfGraphQL ? message.replace(SUGGESTIONS, '') : message;
}
