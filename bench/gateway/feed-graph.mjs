// Posts with a subscription, whose authors live in another subgraph.
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';

export const FEED_SUBGRAPHS = [
  {
    name: 'feed',
    typeDefs: `${LINK}
      type Query { posts: [Post!]! }
      type Subscription { posted: Post! }
      type Post { id: ID! text: String author: Author }
      type Author @key(fields: "id") { id: ID! }`,
    resolvers: { Query: { posts: () => [] } },
  },
  {
    name: 'people',
    typeDefs: `${LINK} type Query { people: [Author!]! } type Author @key(fields: "id") { id: ID! name: String }`,
    resolvers: {
      Query: { people: () => [] },
      Author: { __resolveReference: ({ id }) => ({ id, name: 'Ada' }) },
    },
  },
];

export const POSTED = 'subscription Posted { posted { id text author { name } } }';

export function composeFeed(urlOf) {
  const { supergraphSdl, errors } = composeServices(
    FEED_SUBGRAPHS.map(({ name, typeDefs }) => ({ name, url: urlOf(name), typeDefs: parse(typeDefs) })),
  );
  if (!supergraphSdl) throw new Error(errors.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}
