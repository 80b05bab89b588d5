import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createDemoRepository, TASKS, USERS, type DemoRepository } from '../test/demo-repository.js';

type Change = (repository: DemoRepository) => void;

const at = ({ folder }: DemoRepository, file: string) => path.join(folder, file);
const set = (repository: DemoRepository, from: string, to: string) => repository.replace('schema-check.yaml', from, to);
const manifest = (body: string) =>
  JSON.stringify({
    format: 'apollo-persisted-query-manifest',
    version: 1,
    operations: body === '' ? [] : [{ id: 'a', name: 'A', body }],
  });
const withManifest = (repository: DemoRepository, client: string, body: string) => {
  set(repository, 'approvals:', `manifests: [{ file: manifest.json, client: ${client} }]\napprovals:`);
  repository.write('manifest.json', manifest(body));
};
const removeDescription: Change = (repository) => {
  repository.replace(TASKS, '  title: String!\n  description: String\n', '  title: String!\n');
  repository.compose();
};
const approveUntil = (...days: string[]) =>
  days
    .map(
      (day) =>
        `- { change: FIELD_REMOVED, coordinate: Task.description, reason: It is time now, approvedBy: ada, expires: ${day} }\n`,
    )
    .join('');

/** What is done to a repository that passes, the command, its exit code, and what it says. */
const CASES: ReadonlyArray<readonly [what: string, change: Change, args: string, status: number, told: RegExp]> = [
  // SDL.
  ['bytes as SDL', (r) => writeFileSync(at(r, TASKS), Buffer.of(0, 1, 255)), 'check', 1, /INVALID_GRAPHQL .*:1:1/],
  ['nothing but comments', (r) => r.write(TASKS, '# later\n'), 'check', 2, /SDL of the subgraph tasks .* says nothing/],
  [
    'SDL that composition does not foresee',
    (r) => r.write(TASKS, 'extend schema @link(url: 5)\ntype Query { a: Int }'),
    'check',
    1,
    /INVALID_GRAPH {2}subgraphs\/tasks\/schema.graphql:1:1\n.*\[tasks\] This cannot be composed/,
  ],
  [
    'SDL that is nested without end',
    (r) => r.write('subgraphs/tasks/deep.graphql', `type D { a: ${'['.repeat(50_000)}Int }`),
    'check',
    2,
    /deep.graphql is nested too deeply/,
  ],
  [
    'a link to SDL that is gone',
    (r) => symlinkSync('nowhere.graphql', at(r, 'subgraphs/tasks/gone.graphql')),
    'check',
    2,
    /cannot be read: ENOENT/,
  ],
  [
    'the lock of an editor',
    (r) => symlinkSync('ada@host.1', at(r, 'subgraphs/tasks/.#a.graphql')),
    'check',
    0,
    /Passes/,
  ],
  // Clients.
  ['a folder that is called as code', (r) => mkdirSync(at(r, 'clients/web/[slug].ts')), 'check', 0, /Passes/],
  [
    'a link to itself',
    (r) => {
      symlinkSync('loop', at(r, 'clients/loop'));
      set(r, '[clients/web]', '[clients/loop]');
    },
    'check',
    2,
    /clients\/loop cannot be read: ELOOP/,
  ],
  ['a link back to where it came from', (r) => symlinkSync('..', at(r, 'clients/web/up')), 'check', 0, /Passes/],
  [
    'links to each other',
    (r) => {
      mkdirSync(at(r, 'clients/web/a'));
      mkdirSync(at(r, 'clients/web/b'));
      symlinkSync('../b', at(r, 'clients/web/a/b'));
      symlinkSync('../a', at(r, 'clients/web/b/a'));
    },
    'check',
    0,
    /Passes/,
  ],
  [
    'a folder that is a link to nothing',
    (r) => symlinkSync('../gone', at(r, 'clients/web/gone')),
    'check',
    2,
    /clients\/web cannot be read: ENOENT.*web\/gone/,
  ],
  [
    'a folder of somebody else behind a link',
    (r) => symlinkSync('/etc', at(r, 'clients/web/etc')),
    'check',
    2,
    /clients\/web\/etc is a link out of the repository, to \/etc, and is not followed/,
  ],
  [
    'a file of somebody else behind a link',
    (r) => symlinkSync('/etc/hosts', at(r, 'clients/web/hosts.graphql')),
    'check',
    2,
    /hosts.graphql is a link out of the repository, to \/etc\/hosts/,
  ],
  [
    'a file of somebody else that is named',
    (r) => {
      rmSync(at(r, 'approvals.yaml'));
      symlinkSync('/etc/hosts', at(r, 'approvals.yaml'));
    },
    'check',
    2,
    /approvals.yaml is a link out of the repository, to \/etc\/hosts/,
  ],
  [
    'nothing but fragments',
    (r) => rmSync(at(r, 'clients/web/task.graphql')),
    'check',
    2,
    /The client web has no operations/,
  ],
  [
    'a manifest of nothing as a client',
    (r) => {
      r.write('m.json', manifest(''));
      set(r, '[clients/web]', '[m.json]');
    },
    'check',
    2,
    /The client web has no operations in m.json/,
  ],
  [
    'a bundle',
    (r) => r.write('clients/web/bundle.js', `/* graphql */\n${'var a = { b: 1 };\n'.repeat(150_000)}`),
    'check',
    2,
    /bundle.js is too long for code/,
  ],
  [
    'an operation that is nested without end',
    (r) => r.write('clients/web/deep.graphql', `query D ${'{ a '.repeat(50_000)}`),
    'check',
    2,
    /deep.graphql is nested too deeply/,
  ],
  [
    'fragments of one name in other files',
    (r) => {
      r.write('clients/web/one.graphql', 'query Other { me { ...Name } }');
      r.write('clients/web/two.graphql', 'fragment Name on User { name }');
      r.write('clients/web/three.graphql', 'fragment Name on User { nickname }');
    },
    'check',
    2,
    /one.graphql:1 spreads Name, of which web has several: .*three.graphql:1, .*two.graphql:1/,
  ],
  // Files.
  [
    'a manifest of no GraphQL',
    (r) => withManifest(r, 'web', 'query {'),
    'check',
    1,
    /manifest.json has no GraphQL as A/,
  ],
  [
    'a manifest of nobody',
    (r) => withManifest(r, 'wbe', '{ me { id } }'),
    'check',
    2,
    /of the client wbe, which is none/,
  ],
  [
    'two operations of one name in a manifest',
    (r) => {
      withManifest(r, 'web', '{ me { id } }');
      r.write('clients/web/again.graphql', 'query TaskPage { me { name } }');
    },
    'check',
    1,
    /web sends two operations TaskPage: manifest.json can only have one/,
  ],
  ['a supergraph of comments', (r) => r.write('supergraph.graphql', '# soon'), 'check', 1, /supergraph.graphql:1:1/],
  // Approvals.
  [
    'a day that there is not',
    (r) => r.write('approvals.yaml', approveUntil('2026-99-99')),
    'check',
    2,
    /a day that there is/,
  ],
  ['a day of February', () => undefined, 'check --today 2026-02-31', 2, /2026-02-31 is no day/],
  [
    'an approval that was given again',
    (r) => {
      removeDescription(r);
      r.write('approvals.yaml', approveUntil('2026-01-01', '2026-12-31'));
    },
    'check',
    0,
    /approved until 2026-12-31/,
  ],
  // What to compare with.
  ['no repository', (r) => rmSync(at(r, '.git'), { recursive: true }), 'check', 0, /NOTHING_TO_COMPARE/],
  [
    'a branch that was not fetched',
    (r) => set(r, 'against: [main]', 'against: [origin/main]'),
    'check --format github',
    0,
    /^::warning title=NOTHING_TO_COMPARE::.*origin\/main.*shallow clone/m,
  ],
  [
    'operations as a schema',
    (r) => r.write('a.graphql', 'query { a }'),
    'compare a.graphql supergraph.graphql',
    2,
    /a.graphql is no schema .*: it has operations/,
  ],
  // The registry.
  [
    'a file in the place of the registry',
    (r) => r.write('registry', ''),
    'history',
    2,
    /registry\/versions cannot be read/,
  ],
  ['the same for whoever publishes', (r) => r.write('registry', ''), 'publish --by ada', 2, /cannot be read/],
  ['a bucket of others', () => undefined, 'history --registry s3://bucket/folder', 2, /s3:.* is no registry/],
  ['no version to go back to', () => undefined, 'rollback 77 --by ada', 2, /There is no version to go back to/],
  [
    'the record of a version that is cut off',
    (r) => r.write('registry/versions/000001.json', '{"sequence":1,'),
    'publish --by ada',
    2,
    /000001.json of the registry cannot be read/,
  ],
  [
    'the record of a version that somebody has put there',
    (r) => r.write('registry/versions/evil.json', '{"sequence":1,"parent":null,"__proto__":{}}'),
    'check --against registry',
    2,
    /evil.json of the registry cannot be read/,
  ],
  // Recorded traffic.
  [
    'a Redis that is down',
    () => undefined,
    'check --traffic redis://:secret@127.0.0.1:1',
    2,
    /^redis:\/\/127.0.0.1:1 cannot/,
  ],
];

describe('a repository with what nobody expects', () => {
  it.each(CASES)('%s', async (_what, change, args, status, told) => {
    using repository = createDemoRepository();
    change(repository);
    const ended = await repository.run(...args.split(' '));
    const text = ended.errors + ended.output;
    expect(text).toMatch(told);
    expect(text).not.toMatch(/secret|A defect of schema-check/);
    expect(ended.status).toBe(status);
  });

  it('links to SDL, here and in the commit that it is compared with', async () => {
    using repository = createDemoRepository();
    mkdirSync(at(repository, 'shared'));
    renameSync(at(repository, TASKS), at(repository, 'shared/tasks.graphql'));
    symlinkSync('../../shared/tasks.graphql', at(repository, TASKS));
    repository.commit('Share it');
    repository.replace('shared/tasks.graphql', '  estimate: Int\n', '');
    repository.compose();
    const { status, report } = await repository.check('--against', 'HEAD');
    expect(report.changes).toMatchObject({ breaking: 0, safe: 0 });
    expect(report.findings).toContainEqual(expect.objectContaining({ coordinate: 'Task.estimate', schema: 'api' }));
    expect(status).toBe(0);
  });

  it('a folder of SDL that is a link, here and in the commit, and one that leads out of the commit', async () => {
    using repository = createDemoRepository();
    mkdirSync(at(repository, 'shared'));
    renameSync(at(repository, 'subgraphs/tasks'), at(repository, 'shared/tasks'));
    mkdirSync(at(repository, 'subgraphs/tasks'));
    symlinkSync('../../shared/tasks', at(repository, 'subgraphs/tasks/own'));
    symlinkSync('..', at(repository, 'shared/tasks/circle'));
    repository.commit('Share it');
    repository.replace('shared/tasks/schema.graphql', '  estimate: Int\n', '');
    repository.compose();
    const { status, report } = await repository.check('--against', 'HEAD');
    const removed = {
      coordinate: 'Task.estimate',
      schema: 'api',
      place: { file: `subgraphs/tasks/own/schema.graphql` },
    };
    expect(report.findings).toContainEqual(
      expect.objectContaining({ ...removed, place: expect.objectContaining(removed.place) }),
    );
    expect([status, report.changes]).toEqual([0, expect.objectContaining({ breaking: 0, safe: 0 })]);
    symlinkSync('/etc/hosts', at(repository, 'shared/tasks/out.graphql'));
    repository.commit('Lead out');
    rmSync(at(repository, 'shared/tasks/out.graphql'));
    const out = await repository.run('check', '--against', 'HEAD');
    expect(out.errors).toMatch(/own\/out.graphql is a link out of the repository, to \/etc\/hosts/);
    expect(out.status).toBe(2);
  });

  it('operations behind links: each is known once, and those of a folder elsewhere where that is named itself', async () => {
    using repository = createDemoRepository();
    using elsewhere = createDemoRepository();
    mkdirSync(at(repository, 'shared/pages'), { recursive: true });
    repository.write('shared/pages/nick.graphql', 'query Nickname { me { nickname } }');
    symlinkSync('../../shared/pages', at(repository, 'clients/web/pages'));
    symlinkSync('pages/nick.graphql', at(repository, 'clients/web/again.graphql'));
    elsewhere.write('clients/web/more.graphql', 'query Elsewhere { me { nickname } }');
    set(repository, '[clients/web]', `[clients/web, ${elsewhere.folder}/clients/web]`);
    repository.replace(USERS, '  nickname: String\n', '');
    repository.compose();
    const { report } = await repository.check();
    const removed = report.findings.find(
      ({ coordinate, schema }) => coordinate === 'User.nickname' && schema === 'api',
    );
    const registered = removed?.usedBy?.filter(({ client }) => client === 'web');
    expect(registered?.map(({ operation }) => operation).sort()).toEqual(['Elsewhere', 'Nickname']);
    expect(registered?.find(({ operation }) => operation === 'Nickname')?.place.file).toMatch(/^clients\/web\//);
  });

  it('one operation in a file of GraphQL and in code that was made of it, and a fragment of the same name elsewhere', async () => {
    using repository = createDemoRepository();
    const written = [repository.read('clients/web/task.graphql'), repository.read('clients/web/fragments.graphql')];
    repository.write(
      'clients/web/made.ts',
      written.map((text, at) => `export const D${at} = gql\`${text}\`;\n`).join(''),
    );
    // Its own Body is meant here, and that of the other file there.
    repository.write('clients/web/zoom.gql', 'query Zoom { me { ...Body } }\nfragment Body on User { nickname }');
    repository.write('clients/web/task.graphql', written.join(''));
    removeDescription(repository);
    repository.replace(USERS, '  nickname: String\n', '');
    repository.compose();
    const { report } = await repository.check();
    const usersOf = (coordinate: string) =>
      report.findings
        .find((finding) => finding.coordinate === coordinate && finding.schema === 'api')
        ?.usedBy?.map(({ operation, client, place }) => `${operation} of ${client} ${place.file}`);
    expect(usersOf('Task.description')).toEqual(['TaskPage of web clients/web/task.graphql']);
    expect(usersOf('User.nickname')).toEqual([
      'Zoom of web clients/web/zoom.gql',
      'Nick of phone 2.1.0 clients/traffic.ndjson',
    ]);
  });

  it('settings in a folder of their own: SDL beside it is linted, and tools get places from where the command runs', async () => {
    using repository = createDemoRepository({ lints: true });
    mkdirSync(at(repository, 'graph'));
    for (const file of ['schema-check.yaml', 'supergraph.yaml', 'approvals.yaml', 'budget.yaml'])
      renameSync(at(repository, file), at(repository, `graph/${file}`));
    renameSync(at(repository, 'subgraphs/tasks'), at(repository, 'subgraphs/ta [s]ks'));
    const change = (file: string, pattern: RegExp, to: string) =>
      repository.write(file, repository.read(file).replaceAll(pattern, to));
    change('graph/supergraph.yaml', /subgraphs\/tasks/g, "'../subgraphs/ta [s]ks'");
    change('graph/supergraph.yaml', /subgraphs\/users/g, '../subgraphs/users');
    change('graph/schema-check.yaml', /clients\//g, '../clients/');
    change('graph/schema-check.yaml', /supergraph: s/g, 'supergraph: ../s');
    repository.commit('Move');
    change('subgraphs/ta [s]ks/schema.graphql', / {2}estimate: Int/g, '  Estimate: Int');
    const args = ['check', '--config', 'graph/schema-check.yaml', '--against', 'HEAD'];
    const annotated = await repository.run(...args, '--format', 'github');
    expect(annotated.output).toMatch(/^::error file=subgraphs\/ta \[s\]ks\/schema.graphql,.*title=NAMING_CONVENTION/m);
    expect(annotated.output).not.toContain('File ignored');
    const { output } = await repository.run(...args, '--format', 'sarif');
    const uris = [...output.matchAll(/"uri": "(.*)"/g)].map(([, uri]) => uri);
    expect(uris).toContain('subgraphs/ta%20%5Bs%5Dks/schema.graphql');
  });

  it('names of clients that no XML may have, and no terminal', async () => {
    using repository = createDemoRepository();
    repository.write(
      'clients/traffic.ndjson',
      JSON.stringify({ client: 'a\u0001\u001B[31m', operation: '{ me { nickname } }' }),
    );
    repository.replace(USERS, '  nickname: String\n', '');
    repository.compose();
    for (const format of ['junit', 'text', 'github', 'markdown']) {
      const { output } = await repository.run('check', '--format', format);
      expect(output).toContain('of a\uFFFD\uFFFD[31m');
    }
  });
});
