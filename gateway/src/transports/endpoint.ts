/** Where GraphQL is served. */
export const ENDPOINT = '/graphql';
/** What a subscription over HTTP is counted as: how long streams last says nothing about how fast answers are. */
export const STREAM_ROUTE = `${ENDPOINT} (stream)`;
/** Where an `EventSource` gets the URL that it opens. */
export const EVENT_SOURCE = `${ENDPOINT}/event-source`;

/** Whether a request's target is the endpoint, whatever its parameters are. */
export function isEndpoint(url: string | undefined): boolean {
  if (url === ENDPOINT) return true;
  if (!url?.startsWith(ENDPOINT)) return false;
  // Proxies and clients add a slash.
  const rest = url.charAt(ENDPOINT.length) === '/' ? ENDPOINT.length + 1 : ENDPOINT.length;
  return rest === url.length || url.charAt(rest) === '?';
}
