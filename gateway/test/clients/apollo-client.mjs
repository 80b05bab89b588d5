// Runs one query with Apollo Client 4, with one of its handlers of parts, and prints every state of its result as a JSON line. A process of its own, because
// the client takes the test runner's globals for those of another platform.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';

const [uri, query, handler] = process.argv.slice(2);
const handlers = { Defer20220824Handler, GraphQL17Alpha9Handler };
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: new HttpLink({ uri }),
  incrementalHandler: new handlers[handler](),
});
const subscription = client.watchQuery({ query: gql(query) }).subscribe({
  next({ data, loading, dataState, error }) {
    process.stdout.write(`${JSON.stringify({ data, loading, dataState, error: error?.message })}\n`);
    if (!loading) subscription.unsubscribe();
  },
  error(error) {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
});
