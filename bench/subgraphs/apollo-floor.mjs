// What Apollo Server and graphql-js need for the fetches of a board by themselves: the SDL of a subgraph on node:http, its answers from memory, in
// the place of all that is ours. `apollo-floor.mjs FOLDER task|media`. Says its URL when it listens.
import { createServer } from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ApolloServer, HeaderMap } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';

const [folder, name] = process.argv.slice(2);
const { typeDefs } = await import(pathToFileURL(path.join(folder, `subgraphs/${name}/dist/schema.js`)).href);
const id = (index) => `018f0000-0000-7000-8000-${String(index).padStart(12, '0')}`;
const user = { id: id(0) };

/** As the real ones answer, of the same length; each row an object of its own, as those that come from a database. */
const resolvers = {
  task: {
    Query: {
      tasks: () => ({
        edges: Array.from({ length: 50 }, (_, task) => ({
          node: {
            id: id(task),
            title: `Task ${task}`,
            status: 'TODO',
            priority: 'MEDIUM',
            owner: user,
            assignee: user,
            media: {
              totalCount: 3,
              edges: Array.from({ length: 3 }, (_, item) => ({ node: { id: id(task * 3 + item) } })),
            },
          },
        })),
        pageInfo: {
          hasNextPage: false,
          endCursor: 'WyJVUERBVEVEX0FUIiwiZGVzYyIsIjIwMjYtMTEtMjlUMjE6MTQ6NDAuOTY1WiIsIjAxOGYiXQ',
        },
      }),
    },
  },
  media: {
    Media: {
      __resolveReference: (reference) => ({
        __typename: 'Media',
        id: reference.id,
        mimeType: 'image/jpeg',
        placeholder: 'x8cFDIJ3d4eIh4iPd3eIdwAAAAAA',
        thumbnail: {
          url: `http://media.test/files/${reference.id}/small?expires=1764460800&key=Zk3x9Q1a&signature=0Yb1mJ0m1fT3kN8x0xq3rO6S9q7nQ2bC4dE5fG6hI7j`,
          width: 160,
          height: 100,
        },
        uploadedBy: user,
      }),
    },
  },
};

const apollo = new ApolloServer({
  schema: buildSubgraphSchema([{ typeDefs, resolvers: resolvers[name] }]),
  plugins: [
    ApolloServerPluginLandingPageDisabled(),
    ApolloServerPluginInlineTraceDisabled(),
    ApolloServerPluginCacheControlDisabled(),
  ],
});
await apollo.start();
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const headers = new HeaderMap(Object.entries(request.headers));
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: 'POST', headers, search: '', body },
      context: async () => ({}),
    });
    response.writeHead(answer.status ?? 200, Object.fromEntries(answer.headers)).end(answer.body.string);
  });
});
server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}/graphql`));
process.once('disconnect', () => server.close(() => apollo.stop()).closeAllConnections());
