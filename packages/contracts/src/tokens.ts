import { z } from 'zod';

const ROLES = ['USER', 'ADMIN'] as const;
export type Role = (typeof ROLES)[number];

/** Scopes that `@requiresScopes` may name, by the role that carries them. */
export const SCOPES_BY_ROLE: Readonly<Record<Role, readonly string[]>> = {
  USER: [],
  ADMIN: ['admin'],
};

/** The only algorithm that tokens are signed with (RFC 7518, section 3.4). */
export const TOKEN_ALGORITHM = 'ES256';

/** Claims of an access token (RFC 7519, RFC 9068). Times are seconds since the epoch. Others are kept for policies to ask about. */
export const accessTokenClaims = z.looseObject({
  iss: z.string(),
  aud: z.string(),
  /** The user's id. */
  sub: z.uuid(),
  /** The session that the token belongs to. */
  sid: z.uuid(),
  role: z.enum(ROLES),
  iat: z.number().int(),
  exp: z.number().int(),
  jti: z.string().optional(),
});
export type AccessTokenClaims = z.infer<typeof accessTokenClaims>;

/** The public half of a signing key as the JWKS endpoint serves it (RFC 7517). */
export const jsonWebKey = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
  use: z.literal('sig').optional(),
  alg: z.literal(TOKEN_ALGORITHM).optional(),
});
export type PublicJsonWebKey = z.infer<typeof jsonWebKey>;

/** A key of an unknown kind does not spoil the set: the reader keeps the keys it understands. */
export const jsonWebKeySet = z.object({ keys: z.array(z.unknown()) });

/** Where the auth subgraph serves its public keys. */
export const JWKS_PATH = '/.well-known/jwks.json';

/** Where the auth subgraph tells which sessions have ended, for processes that verify tokens. */
export const REVOCATIONS_PATH = '/.well-known/revoked-sessions.json';
/** Where the auth subgraph gives gateways the tokens of sessions that browsers hold a cookie of. */
export const SESSION_TOKENS_PATH = '/session-tokens';

/** The access token of a session; times are in seconds. */
export const sessionTokens = z.object({
  accessToken: z.string().min(1),
  expiresIn: z.number().positive(),
  /** Until the session ends, when nobody renews it. */
  sessionExpiresIn: z.number().int().positive(),
});
export type SessionTokens = z.infer<typeof sessionTokens>;

/** The live feed's channel on which ended sessions are told as they end: a JSON array of their ids. */
export const REVOCATIONS_CHANNEL = 'sessions:revoked';

/** A part of the list of sessions that have ended while access tokens of theirs may still be good. */
export const revocationPage = z.object({
  sessions: z.array(z.object({ id: z.uuid(), revokedAt: z.number() })),
  /** Ask with it for what comes after. */
  cursor: z.string(),
  /** Whether there is more now. */
  hasMore: z.boolean(),
  /** How long after its end a session is kept in the list: no access token lives longer. */
  keepSeconds: z.number().positive(),
});
export type RevocationPage = z.infer<typeof revocationPage>;

/** Of an opaque token, or of the SHA-256 of one: 32 bytes in base64url (RFC 4648, section 5). */
export const OPAQUE_TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/;
