import { createHmac, generateKeyPairSync, randomUUID, sign as signBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JWKS_PATH } from '@taskgraph/contracts';
import {
  createHealth,
  createLog,
  createMetrics,
  createRemoteJwks,
  createSubgraph,
  createTokenVerifier,
  type RequestContext,
  type ServiceProcess,
} from '@taskgraph/service-kit';
import { postGraphQL, signTestToken, startJwksServer, testJwks, type JwksServer } from '@taskgraph/testkit';
import { parse } from 'graphql';

const typeDefs = parse(/* GraphQL */ `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated"])
  type Query {
    mine: String @authenticated
  }
`);

const KEY_ID = 'test-key';
const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const attackerJwk = attacker.publicKey.export({ format: 'jwk' });
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function claims(changed: Record<string, unknown> = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  const ids = { sub: randomUUID(), sid: randomUUID(), jti: randomUUID(), role: 'ADMIN' };
  return { iss: 'taskgraph', aud: 'taskgraph', iat: now, exp: now + 900, ...ids, ...changed };
}

/** A token that the attacker signs, with whatever header. */
function forge(header: Record<string, unknown>, payload: unknown = claims()): string {
  const text = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: KEY_ID, ...header })}.${encode(payload)}`;
  const key = { key: attacker.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return `${text}.${signBytes('sha256', Buffer.from(text), key).toString('base64url')}`;
}

/** A token of the right key, with something of it changed afterwards. */
function tamper(change: (parts: [string, string, string]) => string[]): string {
  return change(signTestToken().split('.') as [string, string, string]).join('.');
}

const hs256 = (secret: string | Buffer, header: Record<string, unknown> = {}) => {
  const text = `${encode({ alg: 'HS256', kid: KEY_ID, ...header })}.${encode(claims())}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const rs256 = () => {
  const text = `${encode({ alg: 'RS256', kid: KEY_ID })}.${encode(claims())}`;
  return `${text}.${signBytes('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`;
};
const soon = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

/** What stands in place of `attackerUrl` is a server of the attacker's, with the attacker's keys. */
const ATTACKS: ReadonlyArray<readonly [string, (attackerUrl: string) => Promise<string> | string, string]> = [
  ['alg none', () => `${encode({ alg: 'none', kid: KEY_ID })}.${encode(claims())}.`, 'TOKEN_INVALID'],
  [
    'alg None, spelled otherwise',
    () => `${encode({ alg: 'NoNe', kid: KEY_ID })}.${encode(claims())}.`,
    'TOKEN_INVALID',
  ],
  ['no alg', () => forge({ alg: undefined }), 'TOKEN_INVALID'],
  ['the public key as an HMAC secret (PEM)', async () => hs256(await publicPem()), 'TOKEN_INVALID'],
  ['the public key as an HMAC secret (DER)', async () => hs256(await publicDer()), 'TOKEN_INVALID'],
  ['an empty HMAC secret', () => hs256(''), 'TOKEN_INVALID'],
  ['RS256 in place of ES256', rs256, 'TOKEN_INVALID'],
  ['a key of the attacker under a known kid', () => forge({}), 'TOKEN_INVALID'],
  ['a foreign kid', () => forge({ kid: 'of-somebody-else' }), 'TOKEN_INVALID'],
  ['a kid that is a path', () => forge({ kid: '../../../../dev/null' }), 'TOKEN_INVALID'],
  ['a kid that is SQL', () => forge({ kid: `x' UNION SELECT 'key' --` }), 'TOKEN_INVALID'],
  ['a kid that is a member of every object', () => forge({ kid: '__proto__' }), 'TOKEN_INVALID'],
  ['no kid', () => forge({ kid: undefined }), 'TOKEN_INVALID'],
  ['jku', (url) => forge({ kid: 'attacker', jku: `${url}${JWKS_PATH}` }), 'TOKEN_INVALID'],
  ['x5u', (url) => forge({ kid: 'attacker', x5u: `${url}/certificate.pem` }), 'TOKEN_INVALID'],
  ['jwk', () => forge({ jwk: attackerJwk }), 'TOKEN_INVALID'],
  ['x5c', () => forge({ x5c: [encode(attackerJwk)] }), 'TOKEN_INVALID'],
  ['crit', () => forge({ crit: ['exp'], exp: 0 }), 'TOKEN_INVALID'],
  ['expired', () => signTestToken({ expiresInSeconds: -60 }), 'TOKEN_EXPIRED'],
  ['not yet valid', () => signTestToken({ claims: { nbf: soon(600) } }), 'TOKEN_INVALID'],
  ['issued in the future', () => signTestToken({ claims: { iat: soon(600), exp: soon(900) } }), 'TOKEN_INVALID'],
  ['of no session', () => signTestToken({ claims: { sid: '' } }), 'TOKEN_INVALID'],
  ['a wrong audience', () => signTestToken({ audience: 'another' }), 'TOKEN_INVALID'],
  ['a wrong issuer', () => signTestToken({ issuer: 'https://attacker.example' }), 'TOKEN_INVALID'],
  ['the key of another environment', () => signTestToken({ privateKey: attacker.privateKey }), 'TOKEN_INVALID'],
  ['claims changed after signing', () => tamper(([head, , end]) => [head, encode(claims()), end]), 'TOKEN_INVALID'],
  ['no signature', () => tamper(([head, body]) => [head, body, '']), 'TOKEN_INVALID'],
  [
    'a signature of zeros (CVE-2022-21449)',
    () => tamper(([head, body]) => [head, body, Buffer.alloc(64).toString('base64url')]),
    'TOKEN_INVALID',
  ],
  [
    'a signature of another encoding',
    () =>
      tamper(([head, body]) => [
        head,
        body,
        signBytes('sha256', Buffer.from(`${head}.${body}`), attacker.privateKey).toString('base64url'),
      ]),
    'TOKEN_INVALID',
  ],
  ['claims twice', () => forge({}, `{"role":"USER","role":"ADMIN","sub":"${randomUUID()}"}`), 'TOKEN_INVALID'],
  ['claims of a prototype', () => forge({}, '{"__proto__":{"role":"ADMIN","sub":"x","sid":"y"}}'), 'TOKEN_INVALID'],
  ['claims that are no object', () => forge({}, '"ADMIN"'), 'TOKEN_INVALID'],
  ['a role that does not exist', () => signTestToken({ claims: { role: 'ROOT' } }), 'TOKEN_INVALID'],
  ['more than a token', () => `${signTestToken()}.${encode('more')}`, 'TOKEN_INVALID'],
  ['encrypted (JWE)', () => ['', '', '', '', ''].map(() => encode('part')).join('.'), 'TOKEN_INVALID'],
  [
    'a huge token',
    () => `${encode({ alg: 'ES256', kid: KEY_ID })}.${'A'.repeat(9_000)}.${'A'.repeat(86)}`,
    'TOKEN_INVALID',
  ],
];

async function publicPem(): Promise<string> {
  return ((await testJwks.getKey(KEY_ID))?.export({ type: 'spki', format: 'pem' }) ?? '').toString();
}

async function publicDer(): Promise<Buffer> {
  return (await testJwks.getKey(KEY_ID))?.export({ type: 'spki', format: 'der' }) as Buffer;
}

describe('a token', () => {
  let service: ServiceProcess;
  let keys: JwksServer;
  let url: string;
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end(JSON.stringify({ keys: [{ ...attackerJwk, kid: 'attacker', alg: 'ES256', use: 'sig' }] }));
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    keys = await startJwksServer();
    const log = createLog({ service: 'sample', level: 'silent' });
    const metrics = createMetrics('sample');
    const jwks = createRemoteJwks({ url: `${keys.url}${JWKS_PATH}`, log });
    service = await createSubgraph<RequestContext>({
      name: 'sample',
      config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 1_000 },
      log,
      metrics,
      health: createHealth(),
      verifier: createTokenVerifier({ jwks, issuer: 'taskgraph', audience: 'taskgraph' }),
      context: (request) => request,
      typeDefs,
      resolvers: { Query: { mine: () => 'mine' } },
    });
    ({ url } = await service.listen());
  });
  afterAll(async () => {
    await service.close();
    await keys.close();
    await new Promise((resolve) => server.close(resolve));
  });

  const ask = (token: string) => postGraphQL(url, { query: '{ mine }', token });

  it('that is good is taken, and so is one that has expired three seconds ago by another clock', async () => {
    expect((await ask(signTestToken())).body).toEqual({ data: { mine: 'mine' } });
    expect((await ask(signTestToken({ claims: { iat: soon(-900), exp: soon(-3) } }))).body).toEqual({
      data: { mine: 'mine' },
    });
  });

  it.each(ATTACKS)('is refused as UNAUTHENTICATED: %s', async (_attack, make, reason) => {
    const attackerUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { body } = await ask(await make(attackerUrl));
    expect(body.data).toEqual({ mine: null });
    expect(body.errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'UNAUTHENTICATED', reason }]);
    expect(asked).toBe(0);
  });

  it('is followed to no place that it names', () => {
    expect(asked).toBe(0);
  });
});
