/** How long an answer stays true, and for whom (RFC 9111; Apollo's `@cacheControl`). */
export interface CachePolicy {
  readonly maxAgeSeconds: number;
  readonly scope: 'PUBLIC' | 'PRIVATE';
}

/** Reads a `Cache-Control` header of a subgraph; null for what must not be kept. */
export function readCacheControl(header: string | undefined): CachePolicy | null {
  if (header === undefined) return null;
  const directives = new Map(
    header.split(',').map((part) => {
      const [name = '', value = ''] = part.trim().toLowerCase().split('=');
      return [name, value] as const;
    }),
  );
  if (directives.has('no-store') || directives.has('no-cache')) return null;
  const seconds = Number(directives.get('s-maxage') ?? directives.get('max-age'));
  if (!Number.isFinite(seconds) || seconds <= 0) return null;
  return { maxAgeSeconds: seconds, scope: directives.has('private') ? 'PRIVATE' : 'PUBLIC' };
}

/** The policy of what is made of two: the shorter time, the narrower scope. */
export function restrict(one: CachePolicy | null, other: CachePolicy | null): CachePolicy | null {
  if (!one || !other) return null;
  return {
    maxAgeSeconds: Math.min(one.maxAgeSeconds, other.maxAgeSeconds),
    scope: one.scope === 'PRIVATE' || other.scope === 'PRIVATE' ? 'PRIVATE' : 'PUBLIC',
  };
}

export function writeCacheControl(policy: CachePolicy | null): string {
  if (!policy || policy.maxAgeSeconds < 1) return 'no-store';
  return `max-age=${Math.floor(policy.maxAgeSeconds)}, ${policy.scope.toLowerCase()}`;
}
