import type { IncomingMessage } from 'node:http';
import type { OriginRule } from './origin-rules.js';

/**
 * Where the page that sends a request comes from, as its browser tells (RFC 6454, section 7).
 *
 * - `none`: nobody says so: no browser, or a browser that asks the site that the page itself is from
 * - `own`: a page of this gateway
 * - `listed`: a page that the settings allow
 * - `foreign`: a page of any other site, or of none
 */
type PageOrigin = 'none' | 'own' | 'listed' | 'foreign';

/** Tells whose pages a request may come from. */
export interface Origins {
  /** Set when every origin may call, and then without credentials. */
  readonly any: boolean;
  of(request: Pick<IncomingMessage, 'headers'>): PageOrigin;
}

/** The few origins that pages really have are judged once. */
const MAX_KNOWN = 1_000;
const MAX_KNOWN_CHARACTERS = 300;

/** Whether the settings allow pages of an origin, whatever asks for it. */
export function isListedOrigin(origins: Origins, origin: string): boolean {
  return origins.of({ headers: { origin } }) === 'listed';
}

export function createOrigins(rules: readonly OriginRule[]): Origins {
  const exact = new Set(rules.flatMap((rule) => (rule.kind === 'exact' ? [rule.origin] : [])));
  const patterns = rules.flatMap((rule) => (rule.kind === 'pattern' ? [rule.pattern] : []));
  const any = rules.some(({ kind }) => kind === 'any');
  const known = new Map<string, boolean>();

  function isListed(origin: string): boolean {
    if (any || exact.has(origin)) return true;
    if (patterns.length === 0 || origin.length > MAX_KNOWN_CHARACTERS) return false;
    let listed = known.get(origin);
    if (listed === undefined) {
      listed = patterns.some((pattern) => pattern.test(origin));
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(origin, listed);
    }
    return listed;
  }

  return {
    any,
    of({ headers }) {
      const { origin } = headers;
      if (origin === undefined) return isCrossSiteByMetadata(headers['sec-fetch-site']) ? 'foreign' : 'none';
      if (isListed(origin)) return 'listed';
      return isOwn(origin, headers.host) ? 'own' : 'foreign';
    },
  };
}

/**
 * A page may ask without the header Origin where it cannot read the answer (`no-cors`); browsers then still say that the page is of
 * another site (Fetch Metadata, `Sec-Fetch-Site`).
 */
function isCrossSiteByMetadata(site: string | string[] | undefined): boolean {
  return site === 'cross-site' || site === 'same-site';
}

/** The scheme is not compared: behind a proxy that ends TLS the gateway does not know its own. */
function isOwn(origin: string, host: string | undefined): boolean {
  return Boolean(host) && (origin === `http://${host}` || origin === `https://${host}`);
}
