import { createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { createTokenVerifier, type JwksSource } from './token-verifier.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const userId = randomUUID();
const sessionId = randomUUID();

function sign(claims: object = {}, options: jwt.SignOptions = {}): string {
  return jwt.sign({ sid: sessionId, role: 'USER', ...claims }, privateKey, {
    algorithm: 'ES256',
    keyid: 'k1',
    issuer: 'taskgraph',
    audience: 'taskgraph',
    subject: userId,
    expiresIn: 900,
    ...options,
  });
}

function verifier(now?: () => number, jwks: JwksSource = { getKey: async (kid) => (kid === 'k1' ? publicKey : null) }) {
  return createTokenVerifier({ jwks, issuer: 'taskgraph', audience: 'taskgraph', ...(now && { now }) });
}

describe('createTokenVerifier', () => {
  it('accepts a good token and tells the viewer', async () => {
    const outcome = await verifier().verifyAuthorization(`Bearer ${sign()}`);
    expect(outcome).toMatchObject({ kind: 'accepted', viewer: { userId, sessionId, role: 'USER', scopes: [] } });
  });

  it('gives administrators their scope', async () => {
    const outcome = await verifier().verifyToken(sign({ role: 'ADMIN' }));
    expect(outcome).toMatchObject({ kind: 'accepted', viewer: { scopes: ['admin'] } });
  });

  it('tells an absent token from a refused one', async () => {
    expect(await verifier().verifyAuthorization(undefined)).toEqual({ kind: 'absent' });
    expect(await verifier().verifyAuthorization('Basic abc')).toEqual({ kind: 'refused', problem: 'TOKEN_INVALID' });
  });

  it('refuses a token once it has expired, also one that it has accepted before', async () => {
    let time = Date.now();
    const tokens = verifier(() => time);
    const token = sign();
    expect((await tokens.verifyToken(token)).kind).toBe('accepted');
    time += 906_000;
    expect(await tokens.verifyToken(token)).toEqual({ kind: 'refused', problem: 'TOKEN_EXPIRED' });
    expect(await tokens.verifyToken(token)).toEqual({ kind: 'refused', problem: 'TOKEN_EXPIRED' });
  });

  it('lets two clocks differ by five seconds, and no more', async () => {
    const time = 1_800_000_000_000;
    const issued = (seconds: number) => sign({ iat: time / 1000 + seconds });
    const outcomes = [5, 6].map(async (seconds) => (await verifier(() => time).verifyToken(issued(seconds))).kind);
    expect(await Promise.all(outcomes)).toEqual(['accepted', 'refused']);
  });

  it.each([
    ['another issuer', sign({}, { issuer: 'someone' })],
    ['another audience', sign({}, { audience: 'someone' })],
    ['an unknown key', sign({}, { keyid: 'k2' })],
    ['a role that does not exist', sign({ role: 'ROOT' })],
    ['no session', sign({ sid: undefined })],
    [
      'another key under a known id',
      jwt.sign({ sid: sessionId, role: 'ADMIN' }, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, {
        algorithm: 'ES256',
        keyid: 'k1',
        issuer: 'taskgraph',
        audience: 'taskgraph',
        subject: userId,
        expiresIn: 900,
      }),
    ],
    [
      'no signature',
      `${Buffer.from('{"alg":"none","kid":"k1"}').toString('base64url')}.${Buffer.from(JSON.stringify({ sub: userId, sid: sessionId, role: 'ADMIN' })).toString('base64url')}.`,
    ],
    [
      'the public key used as an HMAC secret',
      jwt.sign(
        { sid: sessionId, role: 'ADMIN', sub: userId, iss: 'taskgraph', aud: 'taskgraph' },
        createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }))
          .export({ type: 'spki', format: 'pem' })
          .toString(),
        { algorithm: 'HS256', keyid: 'k1', allowInsecureKeySizes: true },
      ),
    ],
    ['a critical extension of the header', sign({}, { header: { alg: 'ES256', kid: 'k1', crit: ['exp'] } })],
    ['an empty list of critical extensions', sign({}, { header: { alg: 'ES256', kid: 'k1', crit: [] } })],
    ['an issue date in the future', sign({ iat: Math.floor(Date.now() / 1000) + 60 }, { expiresIn: 900 })],
    ['garbage', 'not.a.token'],
    ['a token beyond all size', 'a'.repeat(10_000)],
  ])('refuses %s', async (_what, token) => {
    expect(await verifier().verifyToken(token)).toEqual({ kind: 'refused', problem: 'TOKEN_INVALID' });
  });

  it('says so when the keys cannot be had, rather than call the token bad', async () => {
    const tokens = verifier(undefined, { getKey: () => Promise.reject(new Error('down')) });
    expect(await tokens.verifyToken(sign())).toEqual({ kind: 'refused', problem: 'JWKS_UNAVAILABLE' });
  });

  it('knows at once who has been accepted before, and nobody whose key is not at hand, is over or has ended', async () => {
    let time = Date.now();
    let atHand: KeyObject | null = publicKey;
    const revoked = new Set<string>();
    const tokens = createTokenVerifier({
      jwks: { getKey: async () => publicKey, atHand: () => atHand },
      issuer: 'taskgraph',
      audience: 'taskgraph',
      now: () => time,
      revocations: {
        isRevoked: (session) => revoked.has(session),
        onRevocation: () => () => undefined,
        settled: Promise.resolve(),
      },
    });
    const header = `Bearer ${sign()}`;
    expect(tokens.knownAuthorization(header)).toBeNull();
    const outcome = await tokens.verifyAuthorization(header);
    expect(tokens.knownAuthorization(header)).toBe(outcome);
    expect(tokens.knownAuthorization(undefined)).toEqual({ kind: 'absent' });
    expect(tokens.knownAuthorization('Basic abc')).toEqual({ kind: 'refused', problem: 'TOKEN_INVALID' });

    atHand = null;
    expect(tokens.knownAuthorization(header)).toBeNull();
    atHand = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(tokens.knownAuthorization(header)).toBeNull();
    atHand = publicKey;
    revoked.add(sessionId);
    expect(tokens.knownAuthorization(header)).toEqual({ kind: 'refused', problem: 'SESSION_REVOKED' });
    revoked.clear();
    time += 906_000;
    expect(tokens.knownAuthorization(header)).toBeNull();
  });
});
