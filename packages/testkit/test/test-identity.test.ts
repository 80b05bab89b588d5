import { generateKeyPairSync } from 'node:crypto';
import { accessTokenClaims, JWKS_PATH } from '@taskgraph/contracts';
import { expect, it } from '@jest/globals';
import { buildViewer, signTestToken, startJwksServer, testJwks, uuid7 } from '@taskgraph/testkit';
import jwt from 'jsonwebtoken';

async function verify(token: string) {
  const key = await testJwks.getKey(jwt.decode(token, { complete: true })?.header.kid ?? '');
  if (!key) throw new Error('no such key');
  return jwt.verify(token, key, { algorithms: ['ES256'], issuer: 'taskgraph', audience: 'taskgraph' });
}

it('signs tokens as the contract has them', async () => {
  const viewer = buildViewer({ role: 'ADMIN' });
  expect(accessTokenClaims.parse(await verify(viewer.token))).toMatchObject({
    sub: viewer.userId,
    sid: viewer.sessionId,
    role: 'ADMIN',
  });
});

it('signs tokens that must be refused', async () => {
  await expect(verify(signTestToken({ expiresInSeconds: -60 }))).rejects.toThrow('jwt expired');
  await expect(verify(signTestToken({ audience: 'elsewhere' }))).rejects.toThrow('jwt audience invalid');
  await expect(verify(signTestToken({ keyId: 'unknown' }))).rejects.toThrow('no such key');
  await expect(
    verify(signTestToken({ privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey })),
  ).rejects.toThrow('invalid signature');
});

it('serves its keys', async () => {
  await using server = await startJwksServer();
  const { keys } = (await (
    await fetch(new URL(JWKS_PATH, server.url), { headers: { connection: 'close' } })
  ).json()) as { keys: object[] };
  expect(keys).toEqual([expect.objectContaining({ kid: 'test-key', alg: 'ES256', crv: 'P-256' })]);
  expect(keys[0]).not.toHaveProperty('d');
  expect(server.fetches()).toBe(1);
});

it('makes UUIDs of version 7, which sort by time', () => {
  expect(uuid7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(uuid7(1_000) < uuid7(1_001)).toBe(true);
});
