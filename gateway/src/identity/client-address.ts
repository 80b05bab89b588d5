import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isOneOf, toPlainAddress, type AddressRange } from '@taskgraph/service-kit';

/** Where a client is: an IP address, or nothing when its connection has gone already. */
export type ClientAddress = (request: IncomingMessage) => string;

export interface ClientAddressOptions {
  /** Where proxies are whose word is taken; empty where clients connect themselves. */
  readonly proxies: readonly AddressRange[];
  /** In which each proxy adds where its own client is, in small letters. */
  readonly header: string;
}

/**
 * Creates what tells where clients are: the one rule of this gateway, for limits, turns and what subgraphs are told.
 *
 * A connection of a proxy is followed back: what it has added last to the header is where its client is; as long as that is a
 * proxy too, what stands before is taken. What anybody else writes into the header is not looked at, and neither is what
 * stands before the first address that is no proxy's: a client can write anything there.
 */
export function createClientAddress({ proxies, header }: ClientAddressOptions): ClientAddress {
  /** Of connections: it is asked for several times in each request. */
  const known = new WeakMap<Socket, string>();
  const direct = ({ socket }: IncomingMessage) => {
    let address = known.get(socket);
    if (address !== undefined) return address;
    address = toPlainAddress(socket.remoteAddress ?? '') ?? '';
    if (address !== '') known.set(socket, address);
    return address;
  };
  if (proxies.length === 0) return direct;
  const isProxy = isOneOf(proxies);

  return (request) => {
    let address = direct(request);
    const told = [request.headers[header]].flat().join(',').split(',');
    while (isProxy(address)) {
      const before = toPlainAddress(told.pop() ?? '');
      // A proxy that does not say where its client is, is the client.
      if (before === null) break;
      address = before;
    }
    return address;
  };
}
