import { createTaskgraphClient } from '@taskgraph/client';

/** Where the graph is; the bundler puts it in. */
declare const GATEWAY_URL: string;

export const { apollo, session } = createTaskgraphClient({
  url: GATEWAY_URL,
  clientName: 'react-example',
  clientVersion: '0.1.0',
});
