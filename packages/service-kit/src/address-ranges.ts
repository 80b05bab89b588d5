import { BlockList, isIP } from 'node:net';

/** Addresses of one or many machines. */
export interface AddressRange {
  readonly address: string;
  readonly bits: number;
}

/** Words for ranges: this machine (RFC 1122, section 3.2.1.3; RFC 4291, section 2.5.3), and networks that are nobody else's (RFC 1918, RFC 4193). */
const NAMED_RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  none: [],
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

/** Creates what tells whether a plain address is in one of these ranges; what is no address is in none. */
export function isOneOf(ranges: readonly AddressRange[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  const known = new BlockList();
  for (const { address, bits } of ranges) known.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return (address) => address !== '' && known.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
