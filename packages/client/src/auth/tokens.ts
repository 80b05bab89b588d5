/** A session as the client keeps it. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Milliseconds since 1970, by this machine's clock. */
  readonly expiresAt: number;
  /** When the access token was handed out, by the same clock. */
  readonly issuedAt: number;
  readonly userId: string;
}

/** What `login`, `register`, `completeLogin`, `resetPassword` and `refreshSession` answer. */
export interface AuthPayloadLike {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  readonly user: { readonly id: string };
}

export function toTokens(payload: AuthPayloadLike): Tokens {
  const issuedAt = Date.now();
  return {
    accessToken: payload.accessToken,
    refreshToken: payload.refreshToken,
    issuedAt,
    expiresAt: issuedAt + payload.expiresIn * 1000,
    userId: payload.user.id,
  };
}

/** Null for text that holds no session: what is kept in a browser may have been changed there. */
export function parseTokens(text: string | null): Tokens | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Partial<Tokens> | null;
    const strings = [value?.accessToken, value?.refreshToken, value?.userId];
    const numbers = [value?.expiresAt, value?.issuedAt];
    const isWhole = strings.every((one) => typeof one === 'string') && numbers.every((one) => typeof one === 'number');
    return isWhole ? (value as Tokens) : null;
  } catch {
    return null;
  }
}

/** Milliseconds before its end when an access token is exchanged, so that none expires on its way. */
const MAX_MARGIN_MS = 30_000;

/** Whether the access token is about to expire: in its last half minute, or its last tenth where that is less. */
export function isAboutToExpire({ issuedAt, expiresAt }: Tokens, now: number = Date.now()): boolean {
  return now >= expiresAt - Math.min(MAX_MARGIN_MS, (expiresAt - issuedAt) / 10);
}
