import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { createLog, createRemoteJwks, createTokenVerifier } from '@taskgraph/service-kit';
import { signTestToken, testKeySet } from '@taskgraph/testkit';

function publicJwk(kid: string) {
  return {
    ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
    kid,
    alg: 'ES256',
    use: 'sig',
  };
}

async function startEndpoint(keys: unknown[]) {
  const state = { keys, fetches: 0, broken: false, now: Date.now(), gate: Promise.resolve() };
  const server = createServer((_request, response) => {
    state.fetches += 1;
    void state.gate.then(() => {
      response.statusCode = state.broken ? 500 : 200;
      response.end(JSON.stringify({ keys: state.keys }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  const jwks = createRemoteJwks({
    url,
    log: createLog({ service: 't', level: 'silent' }),
    now: () => state.now,
  });
  return {
    state,
    jwks,
    url,
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

  it('asks the next address where one fails, and that one first from then on', async () => {
    await using first = await startEndpoint([publicJwk('a')]);
    await using second = await startEndpoint([publicJwk('a'), publicJwk('b')]);
    first.state.broken = true;
    let now = Date.now();
    const log = createLog({ service: 't', level: 'silent' });
    const jwks = createRemoteJwks({ url: [first.url, second.url], log, now: () => now });
    expect(await jwks.getKey('a')).not.toBeNull();
    now += 60_000;
    expect(await jwks.getKey('b')).not.toBeNull();
    expect([first.state.fetches, second.state.fetches]).toEqual([1, 2]);
    second.state.broken = true;
    now += 60_000;
    await expect(jwks.getKey('c')).rejects.toThrow('500');
    expect([first.state.fetches, second.state.fetches]).toEqual([2, 3]);
  });

  it('fetches whatever the dispatcher is that all of the process share', async () => {
    await using endpoint = await startEndpoint([publicJwk('a')]);
    const before = getGlobalDispatcher();
    const foreign = {
      dispatch() {
        throw new Error('of another version');
      },
    };
    setGlobalDispatcher(foreign as never);
    try {
      expect(await endpoint.jwks.getKey('a')).not.toBeNull();
    } finally {
      setGlobalDispatcher(before);
    }
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

  it('gives a key that stays as the same object, and fetches while it is used without anybody waiting', async () => {
    await using endpoint = await startEndpoint([publicJwk('a')]);
    const key = await endpoint.jwks.getKey('a');
    let open: () => void = () => undefined;
    endpoint.state.gate = new Promise((resolve) => (open = resolve));
    endpoint.state.now += 20_000;
    // The endpoint does not answer, and the key is there.
    expect(await endpoint.jwks.getKey('a')).toBe(key);
    open();
    while (endpoint.state.fetches < 2) await new Promise(setImmediate);
    endpoint.state.now += 20_000;
    expect(await endpoint.jwks.getKey('a')).toBe(key);
  });

  it('keeps nobody waiting for an endpoint that has failed last', async () => {
    await using endpoint = await startEndpoint([publicJwk('a')]);
    await endpoint.jwks.getKey('a');
    endpoint.state.broken = true;
    endpoint.state.now += 61_000;
    expect(await endpoint.jwks.getKey('a')).not.toBeNull();
    endpoint.state.gate = new Promise(() => undefined);
    endpoint.state.now += 6_000;
    expect(await endpoint.jwks.getKey('a')).not.toBeNull();
    while (endpoint.state.fetches < 3) await new Promise(setImmediate);
  });
});

describe('a token whose key has left the set', () => {
  const verifierOf = ({ jwks, state }: Awaited<ReturnType<typeof startEndpoint>>) =>
    createTokenVerifier({ jwks, issuer: 'taskgraph', audience: 'taskgraph', now: () => state.now });

  it('is refused within a minute, though it was accepted before', async () => {
    await using endpoint = await startEndpoint([...testKeySet().keys]);
    const verifier = verifierOf(endpoint);
    const token = signTestToken();
    expect((await verifier.verifyToken(token)).kind).toBe('accepted');
    endpoint.state.keys = [];
    endpoint.state.now += 59_000;
    expect(await verifier.verifyToken(token)).toEqual({ kind: 'refused', problem: 'TOKEN_INVALID' });
  });

  it('is refused when another key has taken its id', async () => {
    await using endpoint = await startEndpoint([...testKeySet().keys]);
    const verifier = verifierOf(endpoint);
    const token = signTestToken();
    expect((await verifier.verifyToken(token)).kind).toBe('accepted');
    endpoint.state.keys = testKeySet().keys.map(({ kid }) => publicJwk(kid));
    endpoint.state.now += 59_000;
    expect(await verifier.verifyToken(token)).toEqual({ kind: 'refused', problem: 'TOKEN_INVALID' });
  });

  it('is accepted while the endpoint is broken: nobody knows that it has left', async () => {
    await using endpoint = await startEndpoint([...testKeySet().keys]);
    const verifier = verifierOf(endpoint);
    const token = signTestToken();
    await verifier.verifyToken(token);
    endpoint.state.broken = true;
    endpoint.state.now += 120_000;
    expect((await verifier.verifyToken(token)).kind).toBe('accepted');
  });
});
