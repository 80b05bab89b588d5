import { isIP } from 'node:net';

/**
 * Writes an IP address in the form in which addresses are compared: without a zone or port, and IPv4 that a socket of both families
 * maps into IPv6 (RFC 4291, section 2.5.5.2) as IPv4. Null for what is no address.
 */
export function toPlainAddress(text: string): string | null {
  const bare = text
    .trim()
    .replace(/^\[(.*)\](:\d+)?$/, '$1')
    .replace(/%.*$/, '')
    .toLowerCase();
  const address = /^\d+(\.\d+){3}:\d+$/.test(bare) ? bare.slice(0, bare.indexOf(':')) : bare;
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/.exec(address)?.[1];
  if (mapped !== undefined) return isIP(mapped) === 4 ? mapped : null;
  return isIP(address) === 0 ? null : address;
}

/**
 * Names what one client has many addresses of: for IPv6 the network of 64 bits that a single subscriber is given (RFC 6177, RFC 4291,
 * section 2.5.4), for IPv4 the address. What is no address is its own network.
 */
export function networkOf(address: string): string {
  // Most are IPv4 in this very form.
  if (!address.includes(':')) return address;
  const plain = toPlainAddress(address);
  if (plain === null || isIP(plain) !== 6) return plain ?? address;
  return `${groupsOf(plain).slice(0, 4).join(':')}::/64`;
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const groups = (part: string) =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          if (!group.includes('.')) return [group];
          const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
          return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
        });
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].map((group) => Number.parseInt(group, 16).toString(16));
}
