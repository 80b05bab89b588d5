// Subscribes with Apollo Client 4 and prints each result as a JSON line. A process of its own, because the client takes the
// test runner's globals for those of another platform. Arguments: ws or multipart, URL, token, operation, variables.
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const [transport, url, token, query, variables] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const socket =
  transport === 'ws'
    ? createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams: { authorization } })
    : null;
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: socket ? new GraphQLWsLink(socket) : new HttpLink({ uri: url, headers: { authorization } }),
});
const subscription = client.subscribe({ query: gql(query), variables: JSON.parse(variables) }).subscribe({
  next: ({ data, error, extensions }) => {
    process.stdout.write(`${JSON.stringify({ data, error: error?.message, extensions })}\n`);
  },
  error: (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
  complete: () => process.stdout.write('{"complete":true}\n'),
});
// The test says that it has seen enough.
process.stdin.resume().once('end', () => {
  subscription.unsubscribe();
  client.stop();
  void socket?.dispose();
});
