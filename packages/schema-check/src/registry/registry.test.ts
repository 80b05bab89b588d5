import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createDemoRepository, TASKS, type DemoRepository } from '../../test/demo-repository.js';
import { createFolderStore } from './registry-store.js';
import { createRegistry, type Publication, type Version } from './registry.js';

const BY = ['--by', 'ada@example.com'];

async function historyOf(repository: DemoRepository): Promise<Version[]> {
  return JSON.parse((await repository.run('history', '--format', 'json')).output) as Version[];
}

/** Adds a field, which is safe. */
function addField(repository: DemoRepository, name: string): void {
  repository.replace(TASKS, '  estimate: Int', `  estimate: Int\n  ${name}: Int`);
  repository.compose();
}

describe('the registry', () => {
  it('keeps who has published what, when, from which commit and with which report', async () => {
    using repository = createDemoRepository();
    expect((await repository.run('history')).output).toBe('Nothing has been published.\n');
    expect(await repository.run('publish', ...BY)).toMatchObject({
      status: 0,
      errors: expect.stringMatching(/^Published version 1 \([0-9a-f]{10}\)\.\n$/),
    });
    addField(repository, 'dueAt');
    repository.commit('Due');
    expect((await repository.run('publish', ...BY)).status).toBe(0);
    const [second, first] = await historyOf(repository);
    expect(first).toMatchObject({ sequence: 1, parent: null, publishedBy: 'ada@example.com', restores: null });
    expect(second).toMatchObject({
      sequence: 2,
      parent: first?.id,
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      publishedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
    const report = JSON.parse(repository.read(`registry/objects/${second?.report}`));
    expect(report).toMatchObject({ passed: true, against: expect.stringContaining('version 1'), changes: { safe: 2 } });
    // What did not change is kept once.
    expect(second?.subgraphs[1]).toEqual(first?.subgraphs[1]);
    expect(repository.read('registry/supergraph.graphql')).toContain('dueAt');
  });

  it('publishes what is published already no second time', async () => {
    using repository = createDemoRepository();
    await repository.run('publish', ...BY);
    const again = await repository.run('publish', ...BY);
    expect(again).toMatchObject({ status: 0, errors: expect.stringContaining('is published already') });
    expect(await historyOf(repository)).toHaveLength(1);
  });

  it('serves what was published by somebody who was cut off before', async () => {
    using repository = createDemoRepository();
    await repository.run('publish', ...BY);
    rmSync(path.join(repository.folder, 'registry/supergraph.graphql'));
    await repository.run('publish', ...BY);
    expect(repository.read('registry/supergraph.graphql')).toMatch(/^# sha256:[0-9a-f]{64}\n/);
  });

  it('refuses what its check refuses, unless somebody says why', async () => {
    using repository = createDemoRepository();
    await repository.run('publish', ...BY);
    repository.replace(TASKS, '  title: String!\n  description: String\n', '  title: String!\n');
    repository.compose();
    expect(await repository.run('publish', ...BY)).toMatchObject({
      status: 1,
      output: expect.stringContaining('used by TaskPage of web'),
      errors: 'Nothing is published.\n',
    });
    expect(await historyOf(repository)).toHaveLength(1);
    expect((await repository.run('publish', ...BY, '--force', 'because')).status).toBe(2);
    expect((await repository.run('publish', ...BY, '--force', 'It leaks what it must not.')).status).toBe(0);
    expect((await historyOf(repository))[0]).toMatchObject({ forcedBecause: 'It leaks what it must not.' });
    // A check after that compares with it.
    const { report } = await repository.check('--against', 'registry');
    expect(report).toMatchObject({ against: expect.stringContaining('version 2'), changes: { breaking: 0 } });
  });

  it('refuses what does not compose, whatever is said', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  estimate: Int', '  estimate: Nothing');
    expect((await repository.run('publish', ...BY, '--force', 'It has to be now.')).status).toBe(1);
    expect(await historyOf(repository)).toEqual([]);
  });

  it('tells the changes between two versions, and goes back to one of them', async () => {
    using repository = createDemoRepository();
    await repository.run('publish', ...BY);
    const before = repository.read('registry/supergraph.graphql');
    addField(repository, 'dueAt');
    await repository.run('publish', ...BY);
    const [second] = await historyOf(repository);
    const forth = await repository.run('diff', '1', 'current', '--format', 'json');
    expect(forth.status).toBe(0);
    expect(JSON.parse(forth.output).findings).toContainEqual(
      expect.objectContaining({ code: 'FIELD_ADDED', coordinate: 'Task.dueAt', schema: 'api' }),
    );
    // By the beginning of an id as well.
    const back = await repository.run('diff', second?.id.slice(0, 8) ?? '', '1', '--format', 'json');
    expect(JSON.parse(back.output).changes).toMatchObject({ breaking: 0, dangerous: 2 });
    // Recorded traffic decides as it does for a check, also between two files.
    repository.write('traffic.jsonl', JSON.stringify({ client: 'board', operation: '{ task(id: 1) { dueAt } }' }));
    const hurt = await repository.run('diff', 'current', '1', '--traffic', 'traffic.jsonl');
    expect(hurt).toMatchObject({ status: 1, output: expect.stringContaining('board') });
    expect((await repository.run('diff', '1', '9')).errors).toContain('has no version 9');

    expect(await repository.run('rollback', '99', ...BY)).toMatchObject({
      status: 2,
      errors: expect.stringContaining('has no version 99'),
    });
    expect((await repository.run('rollback', ...BY)).status).toBe(0);
    expect(repository.read('registry/supergraph.graphql')).toBe(before);
    expect(await repository.run('rollback', '1', ...BY)).toMatchObject({
      status: 2,
      errors: expect.stringContaining('is what is served now'),
    });
    expect((await repository.run('history')).output.split('\n')[0]).toContain('goes back to version 1');
  });

  it.each([
    ['a record', (repository: DemoRepository) => repository.replace('registry/versions/000001.json', 'ada@', 'eve@')],
    [
      'the order',
      (repository: DemoRepository) => rmSync(path.join(repository.folder, 'registry/versions/000001.json')),
    ],
  ])('tells when somebody has changed %s', async (_what, change) => {
    using repository = createDemoRepository();
    await repository.run('publish', ...BY);
    addField(repository, 'dueAt');
    await repository.run('publish', ...BY);
    change(repository);
    expect(await repository.run('history')).toMatchObject({ status: 2, errors: expect.stringContaining('000') });
  });

  it('goes back to nothing that is not what it was', async () => {
    using repository = createDemoRepository();
    await repository.run('publish', ...BY);
    addField(repository, 'dueAt');
    await repository.run('publish', ...BY);
    const first = (await historyOf(repository))[1];
    repository.replace(`registry/objects/${first?.supergraph}`, 'estimate', 'estimated');
    const served = repository.read('registry/supergraph.graphql');
    expect(await repository.run('rollback', ...BY)).toMatchObject({
      status: 2,
      errors: expect.stringContaining('is not what it was'),
    });
    expect(repository.read('registry/supergraph.graphql')).toBe(served);
  });

  it('lets one of many who publish at once win, and tells the others', async () => {
    using repository = createDemoRepository();
    const folder = path.join(repository.folder, 'registry');
    const publication = (text: string): Publication => ({
      supergraphSdl: text,
      subgraphs: [],
      publishedAt: '2026-11-27T00:00:00.000Z',
      publishedBy: text,
      commit: null,
      forcedBecause: null,
      report: {
        passed: true,
        against: null,
        changes: { breaking: 0, dangerous: 0, safe: 0 },
        findings: [],
        operations: [],
        durationMs: 0,
      },
    });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        createRegistry(createFolderStore(folder)).publish(publication(`text ${index}\n`), null),
      ),
    );
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.version] : []));
    expect(won).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(String(outcome.reason)).toContain('meanwhile');
    expect(await historyOf(repository)).toHaveLength(1);
    expect(repository.read('registry/supergraph.graphql')).toContain(won[0]?.publishedBy);
    // Nothing half-written is left.
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => file.endsWith('.tmp') && statSync(path.join(folder, file)).isFile())).toEqual([]);
  });

  it('says where it is, or that nobody has said it', async () => {
    using repository = createDemoRepository();
    repository.replace('schema-check.yaml', 'registry: registry\n', '');
    expect(await repository.run('history')).toMatchObject({
      status: 2,
      errors: expect.stringContaining('Say where versions are kept'),
    });
    expect((await repository.run('publish', ...BY, '--registry', 'elsewhere')).status).toBe(0);
    expect(repository.read('elsewhere/supergraph.graphql')).toContain('join__Graph');
  });
});
