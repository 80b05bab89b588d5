import { expect, it } from '@jest/globals';
import { chooseFreePorts } from '@taskgraph/testkit';
import { spawnService } from '../src/service-process.js';

const ENTRY = 'packages/testkit/test/fake-service.mjs';

async function fakeOptions(env: Record<string, string> = {}) {
  const [port] = await chooseFreePorts(1);
  return { name: 'fake', entry: ENTRY, url: `http://127.0.0.1:${port}`, env: { FAKE_PORT: String(port), ...env } };
}

it('waits until a service is ready, gives it its settings and none of the shell, and collects all it says', async () => {
  process.env['LEAKY_SETTING'] = '1';
  const service = await spawnService(await fakeOptions({ OWN_SETTING: 'yes' }));
  try {
    const answer = (await (await fetch(service.url, { headers: { connection: 'close' } })).json()) as {
      env: Record<string, string>;
      pid: number;
    };
    expect(answer.pid).toBe(service.pid);
    expect(answer.env).toMatchObject({ OWN_SETTING: 'yes' });
    expect(Object.keys(answer.env)).not.toEqual(expect.arrayContaining(['LEAKY_SETTING']));
    expect(Object.keys(answer.env)).not.toEqual(expect.arrayContaining(['NODE_OPTIONS']));
  } finally {
    delete process.env['LEAKY_SETTING'];
    expect(await service.end('SIGTERM')).toBe(0);
  }
  expect(service.lines).toEqual([
    '[fake] {"msg":"listening","requestId":"request-of-the-fake"}',
    '[fake] the last words, without an end of line',
  ]);
});

it('tells how a service ended, and starts it again at the same address', async () => {
  const service = await spawnService(await fakeOptions({ FAKE_EXIT_CODE: '3' }));
  const { pid } = service;
  expect(await service.end('SIGKILL')).toBe('SIGKILL');
  expect(service.running).toBe(false);
  await service.start();
  expect(service.running).toBe(true);
  expect(service.pid).not.toBe(pid);
  expect(await service.end('SIGTERM')).toBe(3);
});

it('shows the log of a service that ends before it is ready', async () => {
  await expect(spawnService(await fakeOptions({ FAKE_FAULT: 'FAKE_URL is required' }))).rejects.toThrow(
    /^fake could not be started: it ended with 78\. Its log:\n\[fake\] FAKE_URL is required$/,
  );
});

it('says what to do when a service is not built', async () => {
  await expect(spawnService({ ...(await fakeOptions()), entry: 'nowhere/dist/main.js' })).rejects.toThrow(
    'nowhere/dist/main.js is not built: run npm run build first.',
  );
});
