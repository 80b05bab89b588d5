import type { IncomingMessage } from 'node:http';

/** Where a client is: an IP address, or what stands in the place of one. */
export type ClientAddress = (request: IncomingMessage) => string;

/**
 * Creates what tells clients apart that have no name.
 *
 * @param header that a proxy before this process adds the client's address to, such as `x-forwarded-for`. What stands last in it is
 *   the proxy's, what stands before is the client's own word. Null where clients connect themselves
 */
export function createClientAddress(header: string | null): ClientAddress {
  const name = header?.toLowerCase();
  return (request) => {
    const told = name === undefined ? undefined : [request.headers[name]].flat().at(-1);
    const last = told?.slice(told.lastIndexOf(',') + 1).trim();
    return last || (request.socket.remoteAddress ?? '');
  };
}
