import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';

/** The page has a policy of its own for what it loads, which cannot say which pages may show it in a frame (CSP 3, section 6.4.2). */
export const PAGE_HEADERS = {
  'content-security-policy': "frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** By which the gateway knows the client, as it knows every other. */
const SHARED_HEADERS = { 'apollographql-client-name': 'sandbox' };

/**
 * Renders Apollo Sandbox, embedded, for the graph that serves the page: endpoint, headers and subscriptions are set.
 *
 * Sandbox comes from the internet. Where it does not come, the page goes to the explorer, if there is one.
 */
export async function renderSandbox(explorer: string | null): Promise<() => Promise<string>> {
  const plugin = ApolloServerPluginLandingPageLocalDefault({
    embed: { initialState: { sharedHeaders: SHARED_HEADERS } },
    footer: false,
  });
  // The page needs nothing of a server; Apollo's own is not on this gateway's path.
  const listener = await plugin.serverWillStart?.({} as never);
  const page = await listener?.renderLandingPage?.();
  if (!page) throw new Error('Apollo Sandbox has no page');
  const { html } = page;
  const render = async () => complete(typeof html === 'string' ? html : await html(), explorer);
  // What cannot be completed is told when the gateway starts, and not when somebody opens the page.
  await render();
  return render;
}

/** Says where subscriptions are served, and what to do without the internet: options that Apollo's plugin does not have. */
function complete(html: string, explorer: string | null): string {
  const withSubscriptions = replaced(
    html,
    '      initialEndpoint,\n',
    "      initialEndpoint,\n      initialSubscriptionEndpoint: initialEndpoint.replace(/^http/, 'ws'),\n",
  );
  if (explorer === null) return withSubscriptions;
  const withLink = replaced(
    withSubscriptions,
    'it appears that you might be offline.</p>',
    `it appears that you might be offline. <a href="${explorer}">The explorer</a> needs no internet.</p>`,
  );
  return replaced(withLink, '</body>', `<script src="${explorer}/fall-back.js"></script></body>`);
}

function replaced(html: string, text: string, by: string): string {
  if (!html.includes(text)) throw new Error(`The page of Apollo Sandbox has no "${text.trim()}"`);
  return html.replace(text, () => by);
}
