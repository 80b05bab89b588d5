import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '../src/log.js';
import { createUpstream } from '../src/upstream.js';

const log = createLog({ service: 'test', level: 'silent' });

describe('a circuit that is half open', () => {
  it('is not closed by a caller who goes away before the answer', async () => {
    let holds = false;
    let arrived: () => void = () => undefined;
    const server = createServer((request) => (holds ? arrived() : request.socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const upstream = createUpstream({ name: 'held', url, log, timeoutMs: 60_000, breakerResetMs: 100 });
    const send = (signal = new AbortController().signal) =>
      upstream.send({ headers: {}, body: '{}', idempotent: false, signal });
    while (upstream.circuit() === 'closed') await send().catch(() => undefined);
    while (upstream.circuit() !== 'half_open') await nextTurn();
    holds = true;
    const arrival = new Promise<void>((resolve) => (arrived = resolve));
    const caller = new AbortController();
    const answer = send(caller.signal);
    await arrival;
    caller.abort(new Error('gone'));
    await expect(answer).rejects.toThrow('gone');
    expect(upstream.circuit()).not.toBe('closed');
    await upstream.close();
    server.close();
    server.closeAllConnections();
  });
});
