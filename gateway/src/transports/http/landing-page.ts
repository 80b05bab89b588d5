import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';

/** Renders Apollo Sandbox, embedded, for the graph that serves the page. */
export async function renderSandbox(): Promise<() => Promise<string>> {
  const plugin = ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false });
  // The page needs nothing of a server; Apollo's own is not on this gateway's path.
  const listener = await plugin.serverWillStart?.({} as never);
  const page = await listener?.renderLandingPage?.();
  if (!page) throw new Error('Apollo Sandbox has no page');
  const { html } = page;
  return async () => (typeof html === 'string' ? html : html());
}
