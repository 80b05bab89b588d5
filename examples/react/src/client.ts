import { createTaskgraphClient } from '@taskgraph/client';

/** Where the graph is; the bundler puts it in. */
declare const GATEWAY_URL: string;
declare const SESSION_IN: 'tokens' | 'cookie';

export const { apollo, session } = createTaskgraphClient({
  url: GATEWAY_URL,
  clientName: 'react-example',
  clientVersion: '0.1.0',
  sessionIn: SESSION_IN,
});
