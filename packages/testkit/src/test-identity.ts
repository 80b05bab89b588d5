import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JWKS_PATH, TOKEN_ALGORITHM, uuid7, type PublicJsonWebKey, type Role } from '@taskgraph/contracts';
import jwt from 'jsonwebtoken';

/** What subgraphs under test take the gateway's word by. */
export const TEST_CLIENT_INFO_SECRET = 'a secret of the gateway and its subgraphs under test';

const KEY_ID = 'test-key';
const DEFAULT_LIFETIME_SECONDS = 900;

let keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject } | null = null;

function testKeys() {
  keys ??= generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return keys;
}

/** The keys of {@link signTestToken}, as a verifier's source of keys. */
export const testJwks = {
  async getKey(kid: string): Promise<KeyObject | null> {
    return kid === KEY_ID ? testKeys().publicKey : null;
  },
};

/** The keys of {@link signTestToken} as a JWKS document (RFC 7517). */
export function testKeySet(): { readonly keys: readonly PublicJsonWebKey[] } {
  const { x, y } = testKeys().publicKey.export({ format: 'jwk' }) as { x: string; y: string };
  return { keys: [{ kty: 'EC', crv: 'P-256', x, y, kid: KEY_ID, use: 'sig', alg: TOKEN_ALGORITHM }] };
}

export interface JwksServer extends AsyncDisposable {
  /** Of the server; the document is at its `/.well-known/jwks.json`. */
  readonly url: string;
  /** How often the document was fetched. */
  readonly fetches: () => number;
  close(): Promise<void>;
}

/** Serves the keys of {@link signTestToken} over HTTP, for processes that fetch them. */
export async function startJwksServer(): Promise<JwksServer> {
  let fetches = 0;
  const server = createServer((request, response) => {
    if (request.url !== JWKS_PATH) {
      response.writeHead(404).end();
      return;
    }
    fetches += 1;
    response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(JSON.stringify(testKeySet()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fetches: () => fetches,
    close,
    [Symbol.asyncDispose]: close,
  };
}

export interface TestTokenOptions {
  readonly userId?: string;
  readonly sessionId?: string;
  readonly role?: Role;
  /** Negative for a token that has expired. */
  readonly expiresInSeconds?: number;
  readonly issuer?: string;
  readonly audience?: string;
  readonly keyId?: string;
  /** Another key than the one that {@link testJwks} gives, for a token that must be refused. */
  readonly privateKey?: KeyObject;
  /** Added to the claims, or put in their place. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Signs an access token as the auth subgraph would. */
export function signTestToken(options: TestTokenOptions = {}): string {
  const { userId = uuid7(), sessionId = uuid7(), role = 'USER', expiresInSeconds = DEFAULT_LIFETIME_SECONDS } = options;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: options.issuer ?? 'taskgraph',
    aud: options.audience ?? 'taskgraph',
    sub: userId,
    sid: sessionId,
    role,
    iat: Math.min(now, now + expiresInSeconds),
    exp: now + expiresInSeconds,
    jti: randomUUID(),
    ...options.claims,
  };
  return jwt.sign(claims, options.privateKey ?? testKeys().privateKey, {
    algorithm: TOKEN_ALGORITHM,
    keyid: options.keyId ?? KEY_ID,
  });
}

export interface TestViewer {
  readonly userId: string;
  readonly sessionId: string;
  readonly role: Role;
  /** A valid access token of this user. */
  readonly token: string;
}

/** Builds somebody who is signed in. */
export function buildViewer(options: Pick<TestTokenOptions, 'userId' | 'sessionId' | 'role'> = {}): TestViewer {
  const { userId = uuid7(), sessionId = uuid7(), role = 'USER' } = options;
  return { userId, sessionId, role, token: signTestToken({ userId, sessionId, role }) };
}
