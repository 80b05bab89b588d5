/** The operations that frontends send, as typed documents, with the types of their variables and results, and of the graph itself. */
export * from './generated/graphql.js';
