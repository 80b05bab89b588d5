import type { OfferedLogin } from '@taskgraph/explorer';
import { servesOwnGraph, type GatewayConfig } from './config.js';
import { createExplorerRoutes, EXPLORER } from './explorer/explorer-routes.js';
import { ENDPOINT } from './transports/endpoint.js';
import type { GraphQLRoutesOptions } from './transports/http/graphql-routes.js';

/** What the settings say of the explorer: it is where Apollo Sandbox is, unless the schema is a secret. */
export function toExplorer(config: GatewayConfig, logins: readonly OfferedLogin[]): GraphQLRoutesOptions['explorer'] {
  if (!config.sandbox || !config.introspection) return null;
  const routes = createExplorerRoutes({ endpoint: ENDPOINT, ownGraph: servesOwnGraph(config), logins });
  return { path: EXPLORER, routes };
}
