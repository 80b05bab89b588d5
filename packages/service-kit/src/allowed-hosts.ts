import { isIP } from 'node:net';
import { isLoopback } from './loopback.js';

/** Tells whether a server is asked by a name that is its own. */
export type AllowsHost = (host: string | undefined) => boolean;

interface AllowedHostsOptions {
  /** Where the server listens. */
  readonly host: string;
  /** Names that are its own too: `api.example.com`, `.example.com` for all below and itself, `*` for any. */
  readonly allowed: readonly string[] | undefined;
}

/**
 * Guards a server on loopback from pages of strangers. A page whose name the stranger's DNS lets stand for 127.0.0.1 is of the same origin
 * as the server for its browser, and may read every answer (DNS rebinding); the header `Host` then has that name. Addresses, and names
 * that browsers resolve to loopback by themselves (RFC 6761, section 6.3), belong to no stranger.
 *
 * Elsewhere than on loopback, names are not looked at unless some are listed: proxies ask by any.
 */
export function createAllowedHosts({ host, allowed }: AllowedHostsOptions): AllowsHost {
  if (allowed?.includes('*') || (!allowed && !isLoopback(host))) return () => true;
  const names = (allowed ?? []).map((name) => name.toLowerCase());
  // Nearly all requests come with the same.
  let last: string | undefined;
  return (asked) => {
    if (asked === undefined || asked === last) return true;
    const name = nameOf(asked);
    const isOwn =
      name === 'localhost' ||
      name.endsWith('.localhost') ||
      isIP(name) !== 0 ||
      names.some((own) => (own.startsWith('.') ? name === own.slice(1) || name.endsWith(own) : name === own));
    if (isOwn) last = asked;
    return isOwn;
  };
}

/** Without its port, and without the brackets of an IPv6 address (RFC 9110, section 7.2). */
function nameOf(host: string): string {
  const [, address, name = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim()) ?? [];
  return (address ?? name).toLowerCase().replace(/\.$/, '');
}
