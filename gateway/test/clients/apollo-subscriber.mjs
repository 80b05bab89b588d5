// Subscribes with Apollo Client 4 and prints every result as a JSON line. A process of its own, because the client takes
// the test runner's globals for those of another platform.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const [transport, uri, query] = process.argv.slice(2);
const socket =
  transport === 'websocket' ? createClient({ url: uri.replace(/^http/, 'ws'), webSocketImpl: WebSocket }) : null;
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: socket ? new GraphQLWsLink(socket) : new HttpLink({ uri }),
});
const print = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
client.subscribe({ query: gql(query) }).subscribe({
  next: ({ data, error }) => print({ data, error: error?.message }),
  error: (error) => print({ error: error.message }),
  complete: () => {
    print({ complete: true });
    client.stop();
  },
});
