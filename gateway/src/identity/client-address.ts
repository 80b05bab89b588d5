import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { toPlainAddress } from '@taskgraph/service-kit';

/** Where a client is: an IP address, or nothing when its connection has gone already. */
export type ClientAddress = (request: IncomingMessage) => string;

/** Addresses of one or many machines. */
export interface AddressRange {
  readonly address: string;
  readonly bits: number;
}

/** Words for ranges: this machine (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3), and networks that are nobody else's (RFC 1918, RFC 4193). */
const NAMED_RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Reads an address, a range in CIDR notation (RFC 4632) or a word for some; null for what is none of these. */
export function parseAddressRanges(text: string): readonly AddressRange[] | null {
  const named = Object.hasOwn(NAMED_RANGES, text) ? NAMED_RANGES[text] : undefined;
  if (named) return named.flatMap((range) => parseAddressRanges(range) ?? []);
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  const longest = family === 6 ? 128 : 32;
  if (family === 0 || rest.length > 0) return null;
  if (bits === undefined) return [{ address, bits: longest }];
  return /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? [{ address, bits: Number(bits) }] : null;
}

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
  const direct = ({ socket }: IncomingMessage) => toPlainAddress(socket.remoteAddress ?? '') ?? '';
  if (proxies.length === 0) return direct;
  const known = new BlockList();
  for (const { address, bits } of proxies) known.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  const isProxy = (address: string) => address !== '' && known.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

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
