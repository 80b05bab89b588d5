import { isIPv6 } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

const EVERY_INTERFACE = new Set(['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0']);

/**
 * Where others reach a server that listens on `host`, ready for a URL. "Every interface" is no address: others are told the first of the
 * machine that is not its loopback, IPv4 before IPv6, or the loopback where there is no other.
 */
export function reachableHost(
  host: string,
  interfaces: Readonly<NodeJS.Dict<NetworkInterfaceInfo[]>> = networkInterfaces(),
): string {
  if (!EVERY_INTERFACE.has(host)) return forUrl(host);
  const outside = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    // A link-local address (RFC 4291, section 2.5.6) means something on one link only.
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));
  const found = outside.find(({ family }) => family === 'IPv4') ?? outside.find(({ family }) => family === 'IPv6');
  return found ? forUrl(found.address) : loopbackOf(host);
}

/** Where this machine itself reaches a server that listens on `host`, ready for a URL. */
export function loopbackOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return EVERY_INTERFACE.has(host) ? '[::1]' : forUrl(host);
}

function forUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}
