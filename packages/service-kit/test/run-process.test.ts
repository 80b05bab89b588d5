import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { chooseFreePorts, spawnService, type SpawnedService } from '@taskgraph/testkit';

async function start(env: Record<string, string> = {}): Promise<SpawnedService> {
  const [port] = await chooseFreePorts(1);
  return spawnService({
    name: 'faulty',
    entry: 'packages/service-kit/test/faulty-service.mjs',
    url: `http://127.0.0.1:${port}`,
    env: { PORT: String(port), GRACE_MS: '30000', ...env },
  });
}

const cause = (service: SpawnedService, kind: string) =>
  fetch(`${service.url}/fault/${encodeURIComponent(kind)}`, { headers: { connection: 'close' } });

const faultsOf = (service: SpawnedService) =>
  service.lines.flatMap((line) => {
    const entry = JSON.parse(line.slice(line.indexOf('{'))) as { level: string; err?: unknown };
    return entry.level === 'fatal' ? [entry.err] : [];
  });

describe('a fault that nothing catches', () => {
  it.each([
    ['exception', { message: 'an exception', stack: expect.stringContaining('faulty-service.mjs') }],
    ['rejection', { message: 'a rejection' }],
    ['no error', expect.anything()],
  ])('is logged, and ends the process with 70 when what is under way is done: %s', async (kind, logged) => {
    const service = await start();
    const slow = await fetch(`${service.url}/slow`, { headers: { connection: 'close' } });
    await cause(service, kind);
    expect(await slow.text()).toBe('begun finished');
    expect(await service.exit()).toBe(70);
    expect(faultsOf(service)).toEqual([kind === 'no error' ? logged : expect.objectContaining(logged)]);
    expect(service.lines.at(-1)).toContain('stopped');
    // A supervisor starts it again.
    await service.start();
    expect(await service.end('SIGTERM')).toBe(0);
  });

  it('is written down in order to the last line, however busy the threads are that write', async () => {
    const service = await start({ BUSY: '1', UV_THREADPOOL_SIZE: '1' });
    await cause(service, 'exception');
    expect(await service.exit()).toBe(70);
    expect(service.lines.at(-1)).toContain('stopped');
  });

  it('is waited for no longer than the grace period', async () => {
    const service = await start({ HANGS: '1', GRACE_MS: '200' });
    await cause(service, 'exception');
    expect(await service.exit()).toBe(70);
  });

  it('may be followed by another one, but not by any number', async () => {
    const service = await start();
    await cause(service, 'twice');
    expect(await service.exit()).toBe(70);
    const hanging = await start({ HANGS: '1' });
    await cause(hanging, 'endless');
    expect(await hanging.exit()).toBe(70);
    expect(faultsOf(hanging).length).toBeLessThanOrEqual(12);
  });

  it('exits with 70 also when a signal comes while it is drained', async () => {
    const service = await start({ HANGS: '1', GRACE_MS: '300' });
    await cause(service, 'exception');
    expect(await service.end('SIGTERM')).toBe(70);
  });

  it('ends a process that has not started', async () => {
    await expect(start({ FAULT_AT_START: '1' })).rejects.toThrow(/it ended with 70.*\n.*Error: at the start/);
  });
});

describe('a signal before anything is served', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends the process at once: %s', async (signal, code) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('faulty-service.mjs', import.meta.url))], {
      env: { ...process.env, PORT: '0', GRACE_MS: '30000', HANGS_AT_START: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill(signal);
    // By the handler: what a signal ends by its default has no exit code.
    expect(await once(child, 'exit')).toEqual([code, null]);
  });
});

describe('the level of the log', () => {
  it('is debug from one SIGUSR2 to the next', async () => {
    const service = await start();
    const changes = () => service.lines.filter((line) => line.includes('the level of the log was changed'));
    for (const [count, level] of [
      [1, 'debug'],
      [2, 'info'],
    ] as const) {
      process.kill(service.pid, 'SIGUSR2');
      while (changes().length < count) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(changes().at(-1)).toContain(`"level":"${level}"`);
    }
    expect(await service.end('SIGTERM')).toBe(0);
  });
});
