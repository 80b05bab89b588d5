import { randomUUID } from 'node:crypto';
import { TOKEN_ALGORITHM, type Role } from '@taskgraph/contracts';
import jwt from 'jsonwebtoken';
import type { KeyRing } from './key-ring.js';

export interface TokenSubject {
  readonly userId: string;
  readonly sessionId: string;
  readonly role: Role;
}

export interface TokenIssuer {
  /** Signs an access token (RFC 9068 claims). `expiresIn` is in seconds. */
  issue(subject: TokenSubject): { readonly token: string; readonly expiresIn: number };
}

export interface TokenIssuerOptions {
  readonly keyRing: Pick<KeyRing, 'current'>;
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
}

export function createTokenIssuer({ keyRing, issuer, audience, lifetimeSeconds }: TokenIssuerOptions): TokenIssuer {
  return {
    issue({ userId, sessionId, role }) {
      const { kid, privateKey } = keyRing.current;
      const token = jwt.sign({ sid: sessionId, role }, privateKey, {
        algorithm: TOKEN_ALGORITHM,
        keyid: kid,
        issuer,
        audience,
        subject: userId,
        expiresIn: lifetimeSeconds,
        jwtid: randomUUID(),
      });
      return { token, expiresIn: lifetimeSeconds };
    },
  };
}
