// The graph of the benchmark: accounts, products, reviews and inventory, small data, deep questions.
import { buildSubgraphSchema } from '@apollo/subgraph';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@external", "@requires", "@provides", "@shareable"])';

const people = ['Ada Lovelace', 'Grace Hopper', 'Alan Turing', 'Edsger Dijkstra', 'Barbara Liskov', 'Ken Thompson'].map(
  (name, index) => ({ id: String(index + 1), name, username: `user${index + 1}`, birthday: 1900 + index }),
);
const goods = ['Table', 'Couch', 'Chair', 'Lamp', 'Shelf', 'Rug', 'Desk', 'Bed', 'Mirror'].map((name, index) => ({
  upc: String(index + 1),
  name,
  price: 99 + 150 * index,
  weight: 20 + 30 * index,
}));
const opinions = Array.from({ length: 24 }, (_, index) => ({
  id: String(index + 1),
  body: `It is what it says, and it lasts. Opinion number ${index + 1}.`,
  author: { __typename: 'User', ...people[index % people.length] },
  product: { __typename: 'Product', upc: goods[(index * 4) % goods.length].upc },
}));

const byId = (list, key) => new Map(list.map((item) => [item[key], item]));
const usersById = byId(people, 'id');
const goodsByUpc = byId(goods, 'upc');
const opinionsById = byId(opinions, 'id');

export const SUBGRAPHS = [
  {
    name: 'accounts',
    typeDefs: `${LINK}
      type Query { me: User user(id: ID!): User users: [User] }
      type User @key(fields: "id") { id: ID! name: String username: String @shareable birthday: Int }`,
    resolvers: {
      Query: { me: () => people[0], user: (_, { id }) => usersById.get(id), users: () => people },
      User: { __resolveReference: ({ id }) => usersById.get(id) },
    },
  },
  {
    name: 'products',
    typeDefs: `${LINK}
      type Query { topProducts(first: Int = 9): [Product] }
      type Product @key(fields: "upc") { upc: String! name: String price: Int weight: Int }`,
    resolvers: {
      Query: { topProducts: (_, { first }) => goods.slice(0, first) },
      Product: { __resolveReference: ({ upc }) => goodsByUpc.get(upc) },
    },
  },
  {
    name: 'reviews',
    typeDefs: `${LINK}
      type Review @key(fields: "id") { id: ID! body: String author: User @provides(fields: "username") product: Product }
      type User @key(fields: "id") { id: ID! username: String @external numberOfReviews: Int reviews: [Review] }
      type Product @key(fields: "upc") { upc: String! reviews: [Review] }`,
    resolvers: {
      Review: { __resolveReference: ({ id }) => opinionsById.get(id) },
      User: {
        __resolveReference: (user) => user,
        numberOfReviews: ({ id }) => opinions.filter(({ author }) => author.id === id).length,
        reviews: ({ id }) => opinions.filter(({ author }) => author.id === id),
      },
      Product: {
        __resolveReference: (product) => product,
        reviews: ({ upc }) => opinions.filter(({ product }) => product.upc === upc),
      },
    },
  },
  {
    name: 'inventory',
    typeDefs: `${LINK}
      type Product @key(fields: "upc") {
        upc: String! weight: Int @external price: Int @external inStock: Boolean
        shippingEstimate: Int @requires(fields: "price weight")
      }`,
    resolvers: {
      Product: {
        __resolveReference: (product) => product,
        inStock: ({ upc }) => Number(upc) % 2 === 1,
        shippingEstimate: ({ price, weight }) => (price > 1000 ? 0 : Math.round(weight / 2)),
      },
    },
  },
];

export const OPERATIONS = {
  'two-step': {
    query: '{ topProducts { upc name price reviews { id body author { id username } } } }',
  },
  heavy: {
    query: `query Heavy {
      users { ...User reviews { ...Review product { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } } } }
      topProducts { ...Product reviews { ...Review author { ...User reviews { ...Review product { ...Product } } } } }
    }
    fragment User on User { id username name }
    fragment Review on Review { id body }
    fragment Product on Product { inStock name price shippingEstimate upc weight }`,
  },
};

export function schemaOf({ typeDefs, resolvers }) {
  return buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers }]);
}

/** Composes the supergraph for subgraphs at `urlOf(name)`, with some types more that nobody asks for; `change` alters SDL. */
export function composeGraph(urlOf, moreTypes = 0, change = (typeDefs) => typeDefs) {
  const ballast = Array.from({ length: moreTypes }, (_, index) => {
    const next = `Part${(index + 1) % moreTypes}`;
    return `type Part${index} @key(fields: "id") { id: ID! name: String size: Int next: ${next} others: [${next}!]! }`;
  });
  const { supergraphSdl, errors } = composeServices(
    SUBGRAPHS.map(({ name, typeDefs }) => ({
      name,
      typeDefs: parse(change(name === 'products' ? [typeDefs, ...ballast].join('\n') : typeDefs)),
      url: urlOf(name),
    })),
  );
  if (!supergraphSdl) throw new Error(errors.map(({ message }) => message).join('\n'));
  return supergraphSdl;
}
