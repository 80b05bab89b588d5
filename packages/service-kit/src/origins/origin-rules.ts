/** One entry of `CORS_ORIGINS`. */
export type OriginRule =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly origin: string }
  | { readonly kind: 'pattern'; readonly pattern: RegExp };

/** Apollo Sandbox and Explorer on their own sites, and whatever is developed on the same machine. */
export const DEVELOPMENT_ORIGINS = [
  'https://studio.apollographql.com',
  'https://sandbox.embed.apollographql.com',
  'https://explorer.embed.apollographql.com',
  'http://localhost:*',
  'https://localhost:*',
  'http://127.0.0.1:*',
  'https://127.0.0.1:*',
  'http://[::1]:*',
  'https://[::1]:*',
] as const;

const HOST = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
const PARTS = /^(https?):\/\/(\*\.)?(\[[0-9a-f:.]+\]|[^/:*\s]+)(?::(\d{1,5}|\*))?$/;

/**
 * Reads an entry of `CORS_ORIGINS`: an origin as browsers write it (RFC 6454, section 6.1), `https://*.example.com` for every name
 * below one, `http://localhost:*` for every port of this machine, or `*` for every origin.
 *
 * Null for what is none of these. A wildcard stands for whole labels in front of a name of two labels or more, since whatever is
 * below `*.com` belongs to anybody; one for ports is for loopback only. `null`, the origin of a page that has none, is never listed:
 * any site can make a page that has it.
 */
export function parseOriginRule(text: string): OriginRule | null {
  if (text === '*') return { kind: 'any' };
  const [, scheme = '', wildcard, host = '', port] = PARTS.exec(text.toLowerCase()) ?? [];
  const isAddress = host.startsWith('[') || /^[\d.]+$/.test(host);
  if (!URL.canParse(`${scheme}://${host}`) || (!host.startsWith('[') && !HOST.test(host))) return null;
  if (port === '*') {
    if (wildcard !== undefined || !LOOPBACK.has(host)) return null;
    return { kind: 'pattern', pattern: new RegExp(`^${scheme}://${escape(host)}(:\\d{1,5})?$`) };
  }
  if (Number(port) > 65_535) return null;
  const { origin, host: hostAndPort } = new URL(`${scheme}://${host}${port === undefined ? '' : `:${port}`}`);
  if (wildcard === undefined) return { kind: 'exact', origin };
  if (isAddress || !host.includes('.')) return null;
  return { kind: 'pattern', pattern: new RegExp(`^${scheme}://([a-z0-9_-]+\\.)+${escape(hostAndPort)}$`) };
}

function escape(text: string): string {
  return text.replace(/[.[\]]/g, '\\$&');
}
