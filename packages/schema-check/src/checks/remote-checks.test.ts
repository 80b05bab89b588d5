import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createDemoRepository, type DemoRepository } from '../../test/demo-repository.js';
import { readRemoteKeys } from '../config.js';
import { readSubgraphs } from '../sources/subgraph-sources.js';
import { filesOnDisk } from '../sources/disk-files.js';
import { checkElsewhere } from './remote-checks.js';

/** Puts a program in the place of one that asks over the internet; it writes down what it was called with. */
function install(repository: DemoRepository, program: string, status: number): void {
  const file = path.join(repository.folder, program);
  writeFileSync(file, `#!/bin/sh\necho "${program} $*" >> called\necho "not on my watch"\nexit ${status}\n`);
  chmodSync(file, 0o755);
}

/** Programs are looked for in the repository. */
function checkWith(repository: DemoRepository, keys: NodeJS.ProcessEnv) {
  const { sources } = readSubgraphs(filesOnDisk(repository.folder), 'supergraph.yaml') ?? { sources: [] };
  const env = { ...keys, PATH: `${repository.folder}:/usr/bin:/bin` };
  return checkElsewhere(repository.folder, sources, readRemoteKeys(env));
}

describe('registries elsewhere', () => {
  it('are asked for each subgraph where there are keys for them', async () => {
    using repository = createDemoRepository();
    install(repository, 'rover', 0);
    install(repository, 'hive', 0);
    const keys = { APOLLO_KEY: 'service:demo:secret', APOLLO_GRAPH_REF: 'demo@current', HIVE_TOKEN: 'secret' };
    expect(await checkWith(repository, keys)).toEqual([]);
    const called = repository.read('called').replaceAll(/\S+\/(\w+\.graphql)/g, '$1');
    expect(called.trim().split('\n')).toEqual([
      'rover subgraph check demo@current --name tasks --schema tasks.graphql',
      'hive schema:check --service tasks --url http://tasks tasks.graphql',
      'rover subgraph check demo@current --name users --schema users.graphql',
      'hive schema:check --service users --url http://users users.graphql',
    ]);
  });

  it('are not asked without', async () => {
    using repository = createDemoRepository();
    install(repository, 'rover', 1);
    expect(await checkWith(repository, { APOLLO_GRAPH_REF: 'demo@current' })).toEqual([]);
  });

  it('fail the check by what they refuse', async () => {
    using repository = createDemoRepository();
    install(repository, 'hive', 1);
    expect(await checkWith(repository, { HIVE_TOKEN: 'secret' })).toMatchObject([
      { code: 'REFUSED_BY_HIVE', severity: 'error', message: 'hive refuses the subgraph tasks: not on my watch' },
      { code: 'REFUSED_BY_HIVE', message: 'hive refuses the subgraph users: not on my watch' },
    ]);
  });

  it('fail the check where their program is missing', async () => {
    using repository = createDemoRepository({
      env: { APOLLO_KEY: 'secret', APOLLO_GRAPH_REF: 'demo@current', PATH: '/nowhere' },
    });
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(report.findings).toContainEqual(expect.objectContaining({ code: 'NO_PROGRAM', check: 'elsewhere' }));
  });
});
