/** Where GraphQL is served. */
export const ENDPOINT = '/graphql';

/** Whether a request's target is the endpoint, whatever its parameters are. */
export function isEndpoint(url: string | undefined): boolean {
  if (url === ENDPOINT) return true;
  if (!url?.startsWith(ENDPOINT)) return false;
  // Proxies and clients add a slash.
  const rest = url.charAt(ENDPOINT.length) === '/' ? ENDPOINT.length + 1 : ENDPOINT.length;
  return rest === url.length || url.charAt(rest) === '?';
}
