import { describe, expect, it } from '@jest/globals';
import { hasStorageEmulator, startStorageEmulator } from '@taskgraph/testkit';
import { createBucketStore } from '../src/registry/bucket-store.js';
import { createDemoRepository, TASKS } from './demo-repository.js';

const describeWithStorage = hasStorageEmulator() ? describe : describe.skip;

describeWithStorage('a registry in a bucket', () => {
  it('publishes, tells the versions, goes back, and serves by an address', async () => {
    await using emulator = await startStorageEmulator();
    using repository = createDemoRepository({ env: { STORAGE_EMULATOR_HOST: emulator.url } });
    const where = ['--registry', `gs://${emulator.bucket}/graphs/demo`, '--by', 'ada'];
    expect(await repository.run('history', ...where)).toMatchObject({
      status: 0,
      output: 'Nothing has been published.\n',
    });
    expect((await repository.run('publish', ...where)).errors).toMatch(/^Published version 1/);
    repository.replace(TASKS, '  estimate: Int', '  estimate: Int\n  dueAt: Int');
    repository.compose();
    expect((await repository.run('publish', ...where)).errors).toMatch(/^Published version 2/);
    const object = encodeURIComponent('graphs/demo/supergraph.graphql');
    const served = async () =>
      (await fetch(`${emulator.url}/storage/v1/b/${emulator.bucket}/o/${object}?alt=media`)).text();
    expect(await served()).toMatch(/^# sha256:[0-9a-f]{64}\n[^]*dueAt/);
    expect((await repository.run('rollback', ...where)).status).toBe(0);
    expect(await served()).not.toContain('dueAt');
    expect((await repository.run('history', ...where)).output).toContain('goes back to version 1');
  });

  it('lets one of two win who take the same name', async () => {
    await using emulator = await startStorageEmulator();
    const store = await createBucketStore(`gs://${emulator.bucket}`, emulator.url);
    const outcomes = await Promise.all(['one', 'two'].map((text) => store.create('versions/000001.json', text)));
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    // Whoever has won may ask again.
    const winner = outcomes[0] ? 'one' : 'two';
    expect(await store.read('versions/000001.json')).toBe(winner);
    expect(await store.create('versions/000001.json', winner)).toBe(true);
    expect(await store.list('versions')).toEqual(['000001.json']);
    expect(await store.read('nothing')).toBeNull();
  });
});

describe('an address of a bucket', () => {
  it('that is none ends the command', async () => {
    using repository = createDemoRepository();
    expect(await repository.run('history', '--registry', 'gs://Not A Bucket')).toMatchObject({
      status: 2,
      errors: expect.stringContaining('is no bucket'),
    });
  });
});
