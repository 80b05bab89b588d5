import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createLog, createRemoteJwks } from '@taskgraph/service-kit';

function publicJwk(kid: string) {
  return {
    ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
    kid,
    alg: 'ES256',
    use: 'sig',
  };
}

async function startEndpoint(keys: unknown[]) {
  const state = { keys, fetches: 0, broken: false, now: 1_000_000 };
  const server = createServer((_request, response) => {
    state.fetches += 1;
    response.statusCode = state.broken ? 500 : 200;
    response.end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  const jwks = createRemoteJwks({
    url,
    log: createLog({ service: 't', level: 'silent' }),
    maxAgeMs: 60_000,
    cooldownMs: 5_000,
    now: () => state.now,
  });
  return {
    state,
    jwks,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('createRemoteJwks', () => {
  it('fetches once for many who ask at once, and leaves out keys of other kinds', async () => {
    await using endpoint = await startEndpoint([
      publicJwk('a'),
      { kty: 'RSA', kid: 'b', n: 'x', e: 'AQAB' },
      'garbage',
    ]);
    const keys = await Promise.all(Array.from({ length: 20 }, () => endpoint.jwks.getKey('a')));

    expect(keys.every((key) => key?.asymmetricKeyType === 'ec')).toBe(true);
    expect(endpoint.state.fetches).toBe(1);
    expect(await endpoint.jwks.getKey('b')).toBeNull();
  });

  it('finds a key that was added, without a fetch for each unknown id', async () => {
    await using endpoint = await startEndpoint([publicJwk('a')]);
    await endpoint.jwks.getKey('a');
    for (let round = 0; round < 50; round += 1) expect(await endpoint.jwks.getKey(`unknown-${round}`)).toBeNull();
    expect(endpoint.state.fetches).toBe(1);

    endpoint.state.keys = [...endpoint.state.keys, publicJwk('c')];
    endpoint.state.now += 5_001;
    expect(await endpoint.jwks.getKey('c')).not.toBeNull();
  });

  it('goes on with the keys it has while the endpoint is broken, and fails when it has none', async () => {
    await using endpoint = await startEndpoint([publicJwk('a')]);
    await endpoint.jwks.getKey('a');
    endpoint.state.broken = true;
    endpoint.state.now += 61_000;
    expect(await endpoint.jwks.getKey('a')).not.toBeNull();

    await using other = await startEndpoint([]);
    other.state.broken = true;
    await expect(other.jwks.getKey('a')).rejects.toThrow('answered 500');
  });
});
