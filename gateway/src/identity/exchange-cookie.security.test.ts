import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createClientInfoSigner, createLog } from '@taskgraph/service-kit';
import { createExchangeCookie } from './exchange-cookie.js';

const TOKENS = { accessToken: 'token', expiresIn: 900, sessionExpiresIn: 1_000 };

async function startAuth(answer: (response: ServerResponse) => void) {
  let calls = 0;
  const server = createServer((_request, response) => {
    calls += 1;
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const exchange = createExchangeCookie({
    url: `http://127.0.0.1:${port}/session-tokens`,
    sign: createClientInfoSigner('a secret of at least thirty-two characters'),
    log: createLog({ service: 'gateway', level: 'silent' }),
    timeoutMs: 500,
  });
  return {
    exchange: () => exchange('A'.repeat(43)),
    calls: () => calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('the exchange of a cookie', () => {
  it('gives tokens, and nothing for a session that has ended', async () => {
    let status = 200;
    await using auth = await startAuth((response) => response.writeHead(status).end(JSON.stringify(TOKENS)));
    expect(await auth.exchange()).toEqual(TOKENS);
    status = 401;
    expect(await auth.exchange()).toBeNull();
  });

  it('takes no answer without end', async () => {
    let isOpen = true;
    await using auth = await startAuth((response) => {
      response.on('close', () => (isOpen = false));
      const more = () => {
        if (isOpen) response.write(' '.repeat(16_384), () => setImmediate(more));
      };
      more();
    });
    await expect(auth.exchange()).rejects.toThrow();
    while (isOpen) await new Promise(setImmediate);
  });

  it('leaves auth alone that fails, or never answers, so that nobody waits for it; and comes back to it', async () => {
    let isWell = false;
    await using auth = await startAuth((response) => {
      if (isWell) response.end(JSON.stringify(TOKENS));
    });
    for (;;) {
      const asked = auth.calls();
      const error: unknown = await auth.exchange().catch((reason: unknown) => reason);
      if ((error as Error).name !== 'CircuitOpenError') continue;
      expect(auth.calls()).toBe(asked);
      break;
    }
    isWell = true;
    while (!(await auth.exchange().catch(() => null))) await new Promise(setImmediate);
  });
});
