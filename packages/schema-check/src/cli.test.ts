import { beforeAll, afterAll, describe, expect, it } from '@jest/globals';
import { createDemoRepository, TASKS, USERS, type DemoRepository } from '../test/demo-repository.js';

describe('the command', () => {
  let repository: DemoRepository;
  beforeAll(() => {
    repository = createDemoRepository();
    repository.replace(TASKS, '  title: String!\n  description: String\n', '  title: String!\n');
    repository.compose();
  });
  afterAll(() => repository[Symbol.dispose]());

  it.each([
    ['check --format xml', 'There is no format xml'],
    ['check --nonsense', '--nonsense'],
    ['destroy', 'There is no command destroy'],
    ['check more', 'check takes 0 parameters'],
    ['check --config nothing.yaml', 'There is no nothing.yaml here'],
    ['check --against nowhere', 'There is no file, no commit and no published version that nowhere names'],
    // Not an option of git.
    ['check --against=--output=x', 'There is no file'],
    ['check --without nobody', 'There is no subgraph nobody; there are tasks, users'],
    ['check --today yesterday', 'yesterday is no day'],
    ['compare supergraph.graphql gone.graphql', 'There is no file gone.graphql'],
    ['compare supergraph.graphql budget.yaml', 'budget.yaml is no schema'],
  ])('ends %s with 2 and says why', async (line, reason) => {
    const { status, output, errors } = await repository.run(...line.split(' '));
    expect({ status, output }).toEqual({ status: 2, output: '' });
    expect(errors).toContain(reason);
  });

  it('says how it is used', async () => {
    expect(await repository.run('--help')).toMatchObject({ status: 0, output: expect.stringContaining('compare') });
    expect((await repository.run()).status).toBe(2);
  });

  it('annotates pull requests of GitHub', async () => {
    const { status, output } = await repository.run('check', '--format', 'github');
    expect(status).toBe(1);
    expect(output).toContain(
      "::error file=subgraphs/tasks/schema.graphql,line=4,col=6,title=FIELD_REMOVED::Field 'description' was removed from object type 'Task'%0Aused by TaskPage of web, clients/web/fragments.graphql:2",
    );
  });

  it('writes SARIF with the places of the fault and of those whom it hurts', async () => {
    const log = JSON.parse((await repository.run('check', '--format', 'sarif')).output);
    expect(log.version).toBe('2.1.0');
    const [run] = log.runs;
    const removed = run.results.find(
      (each: { ruleId: string; level: string }) => each.ruleId === 'FIELD_REMOVED' && each.level === 'error',
    );
    expect(run.tool.driver.rules[removed.ruleIndex].id).toBe('FIELD_REMOVED');
    expect(removed.locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: TASKS },
      region: { startLine: 4, startColumn: 6 },
    });
    expect(removed.relatedLocations[0].physicalLocation.artifactLocation.uri).toBe('clients/web/fragments.graphql');
  });

  it('writes JUnit and Markdown', async () => {
    const junit = (await repository.run('check', '--format', 'junit')).output;
    expect(junit).toMatch(/^<\?xml version="1.0"/);
    expect(junit).toMatch(/<testsuite name="lint" tests="1" failures="0">/);
    // The API, the contract, which has it too; quotes are escaped.
    expect(junit).toMatch(/<testsuite name="changes" tests="2" failures="2">/);
    const markdown = (await repository.run('check', '--format', 'markdown')).output;
    expect(markdown).toContain('## Schema check fails');
    expect(markdown).toContain('`TaskPage` of web (`clients/web/fragments.graphql:2`)');
  });

  it('compares any two files, with the operations that use them', async () => {
    repository.write('before.graphql', 'type Query { a: Int, b: Int }');
    repository.write('after.graphql', '\ntype Query { a: Int! }');
    repository.write('ops/one.graphql', 'query One { a }');
    expect(await repository.run('compare', 'before.graphql', 'after.graphql')).toMatchObject({ status: 1 });
    const known = await repository.run(
      'compare',
      'before.graphql',
      'after.graphql',
      '--operations',
      'ops',
      '--format',
      'json',
    );
    expect(known.status).toBe(0);
    repository.write('traffic/day.jsonl', JSON.stringify({ client: 'board', operation: '{ b }' }));
    const recorded = await repository.run('compare', 'before.graphql', 'after.graphql', '--traffic', 'traffic');
    expect(recorded).toMatchObject({ status: 1, output: expect.stringContaining('of board') });
    expect(JSON.parse(known.output).findings).toMatchObject([
      {
        code: 'FIELD_REMOVED',
        coordinate: 'Query.b',
        criticality: 'dangerous',
        place: { file: 'after.graphql', line: 2 },
      },
      { code: 'FIELD_TYPE_CHANGED', coordinate: 'Query.a', criticality: 'safe' },
    ]);
  });

  it('compares with a file in the place of a commit', async () => {
    const { status, report } = await repository.check('--against', 'supergraph.graphql');
    expect(report.changes).toEqual({ breaking: 0, dangerous: 0, safe: 0 });
    // What the clients ask for is gone all the same.
    expect(status).toBe(1);
  });
});

describe('the usage', () => {
  it('of something tells who uses it, and since when', async () => {
    using repository = createDemoRepository();
    repository.replace(
      'clients/traffic.ndjson',
      '"lastSeen":"2026-11-20"}',
      '"firstSeen":"2026-10-01","lastSeen":"2026-11-20"}',
    );
    const usageOf = async (coordinate: string) => (await repository.run('usage', coordinate)).output;
    expect(await usageOf('Task.description')).toBe(
      'Task.description\n  TaskPage of web, clients/web/fragments.graphql:2:3\n',
    );
    expect(await usageOf('Query.task(id:)')).toContain('TaskPage of web, clients/web/task.graphql:2:8');
    expect(await usageOf('User.nickname')).toContain(
      'Nick of phone 2.1.0, clients/traffic.ndjson:1:1, 2026-10-01 to 2026-11-20',
    );
    expect(await usageOf('Task.estimate')).toBe('Task.estimate: nobody uses it\n');
    expect(await repository.run('usage', 'Task.nothing')).toMatchObject({
      status: 2,
      errors: 'The graph has no Task.nothing.\n',
    });
  });

  it('of nothing in particular lists what nobody uses, and what is deprecated', async () => {
    using repository = createDemoRepository();
    repository.replace(
      TASKS,
      '  title: String!\n  description: String\n',
      '  title: String! @deprecated(reason: "Goes on 2027-01-01")\n  description: String\n',
    );
    const { output } = await repository.run('usage', '--format', 'json');
    const found = (
      JSON.parse(output) as Array<{ coordinate: string; deprecated: string | null; usedBy: object[] }>
    ).map(({ coordinate, deprecated, usedBy }) => [coordinate, deprecated, usedBy.length]);
    expect(found).toContainEqual(['Task.title', 'Goes on 2027-01-01', 1]);
    expect(found).toContainEqual(['Task.estimate', null, 0]);
    expect(found.map(([coordinate]) => coordinate)).not.toContain('Task.description');
  });
});

describe('a graph', () => {
  it('tells what falls away without a subgraph', async () => {
    using repository = createDemoRepository();
    const { status, report } = await repository.check('--without', 'users');
    expect(status).toBe(1);
    const gone = report.findings.filter(({ code, schema }) => code === 'FIELD_REMOVED' && schema === 'api');
    expect(gone.map(({ coordinate, severity }) => [coordinate, severity])).toEqual([
      ['Query.me', 'error'],
      ['User.name', 'error'],
      ['User.nickname', 'error'],
    ]);
    const invalid = report.findings.filter(({ code }) => code === 'INVALID_OPERATION');
    expect(new Set(invalid.map(({ usedBy }) => usedBy?.[0]?.operation))).toEqual(
      new Set(['TaskPage', 'Nick', '(anonymous)']),
    );
    expect(report.findings.filter(({ check }) => check === 'files')).toEqual([]);
  });

  it('is changed for a contract where a tag is set, though the API stays', async () => {
    using repository = createDemoRepository();
    repository.replace(
      TASKS,
      '  description: String\n  estimate',
      '  description: String @tag(name: "internal")\n  estimate',
    );
    repository.compose();
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(report.findings.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'FIELD_REMOVED', coordinate: 'Task.description', schema: 'contract public', usedBy: [{ client: 'web' }] },
    ]);
  });

  it('may move a field to another subgraph: clients see no change', async () => {
    using repository = createDemoRepository();
    repository.replace(USERS, '  nickname: String\n', '');
    repository.replace(TASKS, '  tasks: [Task!]!', '  tasks: [Task!]!\n  nickname: String');
    repository.compose();
    const { status, report } = await repository.check();
    expect(report.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(status).toBe(0);
    expect(report.findings).toContainEqual(
      expect.objectContaining({ code: 'FIELD_REMOVED', schema: 'subgraph users', severity: 'notice' }),
    );
  });

  it('keeps operations within their budget', async () => {
    using repository = createDemoRepository();
    repository.write('budget.yaml', 'default: { fetches: 1 }\noperations: { AddTask: { cost: 5 } }\n');
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(report.findings.filter(({ severity }) => severity === 'error')).toMatchObject([
      { code: 'TOO_MANY_FETCHES', place: { file: 'clients/web/task.graphql', line: 1 } },
      { code: 'TOO_EXPENSIVE', place: { file: 'clients/web/task.graphql', line: 8 } },
    ]);
  });

  it('is linted: descriptions, deprecations, edges, types that nobody comes to', async () => {
    using repository = createDemoRepository({ lints: true });
    repository.replace(
      TASKS,
      '  estimate: Int\n',
      `  estimate: Int @deprecated
  old: Int @deprecated(reason: "Use estimate; goes on 2026-10-01.")
  Upper: Int
  pages: TaskConnection
`,
    );
    repository.write(
      'subgraphs/tasks/more.graphql',
      `"Nobody comes here." type Lonely { id: ID! }
type Silent { id: ID! }
"A page." type TaskConnection { edges: [Task!]! pageInfo: PageInfo! }
"Where a page lies." type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
`,
    );
    repository.compose();
    const { report } = await repository.check();
    const lint = report.findings.filter(({ check }) => check === 'lint');
    expect(lint.map(({ code, severity }) => `${severity} ${code}`).sort()).toEqual([
      'error DEPRECATION_WITHOUT_DATE',
      'error NAMING_CONVENTION',
      'error RELAY_ARGUMENTS',
      'error RELAY_EDGE_TYPES',
      'error REQUIRE_DEPRECATION_REASON',
      'error REQUIRE_DESCRIPTION',
      'error UNUSED_TYPE',
      'error UNUSED_TYPE',
      'warning DEPRECATION_IS_OVER',
    ]);
    expect(lint.every(({ place }) => place?.file.startsWith('subgraphs/tasks/'))).toBe(true);
  });

  it('has a manifest that lists what its client sends', async () => {
    using repository = createDemoRepository();
    repository.replace(
      'schema-check.yaml',
      'approvals:',
      'manifests: [{ file: manifest.json, client: web }]\napprovals:',
    );
    const write = (bodies: Readonly<Record<string, string>>) => {
      const operations = Object.entries(bodies).map(([name, body]) => ({ id: name, name, type: 'query', body }));
      const manifest = { format: 'apollo-persisted-query-manifest', version: 1, operations };
      repository.write('manifest.json', JSON.stringify(manifest));
    };
    write({
      AddTask: 'mutation AddTask($input: TaskInput!) { addTask(input: $input) { id title } }',
      Gone: 'query Gone { me { id } }',
    });
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(report.findings.filter(({ code }) => code === 'STALE_FILE').map(({ message }) => message)).toEqual([
      expect.stringContaining('lacks TaskPage'),
      expect.stringContaining('has another AddTask'),
      expect.stringContaining('lists Gone'),
    ]);
    // As Apollo Client sends them.
    write({
      AddTask: 'mutation AddTask($input: TaskInput!) { addTask(input: $input) { id __typename } }',
      TaskPage: `query TaskPage($id: ID!) { task(id: $id) { title ...Body owner { name __typename } __typename } }
        fragment Body on Task { description __typename }`,
    });
    const { report: fresh } = await repository.check();
    expect(fresh.findings.filter(({ code }) => code === 'STALE_FILE')).toEqual([]);
  });
});
