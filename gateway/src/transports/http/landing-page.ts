import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';

/** The page has a policy of its own for what it loads, which cannot say who may show it in a frame (CSP 3, section 6.4.2). */
export const PAGE_HEADERS = {
  'content-security-policy': "frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

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
