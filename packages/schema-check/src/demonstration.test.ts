import { symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { createDemoRepository, TASKS, USERS, type DemoRepository } from '../test/demo-repository.js';
import type { Finding, Report } from './finding.js';

function find(report: Report, code: string, coordinate?: string): Finding {
  const found = report.findings.find(
    (finding) =>
      finding.code === code &&
      (coordinate === undefined || finding.coordinate === coordinate) &&
      !finding.schema?.startsWith('subgraph') &&
      !finding.schema?.startsWith('contract'),
  );
  if (!found) throw new Error(`There is no ${code} of ${coordinate} among ${JSON.stringify(report.findings, null, 1)}`);
  return found;
}

const errorsOf = (report: Report) => report.findings.filter(({ severity }) => severity === 'error');

/** The line of a file in which a text stands. */
function lineOf(repository: DemoRepository, file: string, text: string): number {
  return (
    repository
      .read(file)
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1
  );
}

describe('the check of a change', () => {
  it('passes where nothing has changed', async () => {
    using repository = createDemoRepository({ lints: true });
    const { status, report } = await repository.check();
    expect(errorsOf(report)).toEqual([]);
    expect(report.against).toMatch(/^main \([0-9a-f]{7}\)$/);
    expect(status).toBe(0);
    expect(report.operations).toContainEqual({ operation: 'TaskPage', client: 'web', fetches: 2, cost: 2 });
  });

  it('passes a safe change', async () => {
    using repository = createDemoRepository({ lints: true });
    repository.replace(TASKS, '  estimate: Int', '  estimate: Int\n  dueAt: String');
    repository.compose();
    const { status, report } = await repository.check();
    expect(errorsOf(report)).toEqual([]);
    expect(find(report, 'FIELD_ADDED', 'Task.dueAt')).toMatchObject({
      criticality: 'safe',
      place: { file: TASKS, line: lineOf(repository, TASKS, 'dueAt') },
    });
    expect(report.changes).toEqual({ breaking: 0, dangerous: 0, safe: 2 });
    expect(status).toBe(0);
  });

  it('fails where a field in use is removed, and names operation, client, file and line', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  title: String!\n  description: String\n', '  title: String!\n');
    repository.compose();
    const { status, output } = await repository.run('check');
    expect(status).toBe(1);
    expect(output).toContain('FIELD_REMOVED');
    expect(output).toContain('used by TaskPage of web, clients/web/fragments.graphql:2:3');
    const { report } = await repository.check();
    expect(find(report, 'FIELD_REMOVED')).toMatchObject({
      severity: 'error',
      criticality: 'breaking',
      coordinate: 'Task.description',
      // What is gone stands nowhere: the type that it was a field of does.
      place: { file: TASKS, line: lineOf(repository, TASKS, 'type Task ') },
    });
    expect(find(report, 'INVALID_OPERATION')).toMatchObject({
      place: { file: 'clients/web/fragments.graphql', line: 2 },
    });
  });

  it('fails where recorded traffic uses what is removed, and passes where nobody has for long', async () => {
    using repository = createDemoRepository();
    repository.replace(USERS, '  nickname: String\n', '');
    repository.compose();
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(find(report, 'FIELD_REMOVED', 'User.nickname').usedBy).toEqual([
      {
        operation: 'Nick',
        client: 'phone 2.1.0',
        place: { file: 'clients/traffic.ndjson', line: 1, column: 1 },
        lastSeen: '2026-11-20',
      },
    ]);
    // A client that does not name itself is counted all the same.
    repository.replace('clients/traffic.ndjson', '{ me { name } }', '{ me { nickname } }');
    const again = await repository.check();
    expect(find(again.report, 'FIELD_REMOVED', 'User.nickname').usedBy?.map(({ client }) => client)).toEqual([
      'phone 2.1.0',
      'unknown',
    ]);
  });

  it('passes where a field that nobody uses is removed, and says that it is dangerous', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  estimate: Int\n', '');
    repository.compose();
    const { status, report } = await repository.check();
    expect(errorsOf(report)).toEqual([]);
    expect(status).toBe(0);
    expect(find(report, 'FIELD_REMOVED')).toMatchObject({
      severity: 'warning',
      criticality: 'dangerous',
      message: expect.stringContaining('no operation uses it'),
    });
    // A day in January is within a year.
    repository.replace('schema-check.yaml', 'days: 30', 'days: 365');
    expect((await repository.check()).status).toBe(1);
  });

  it('fails where the types of two subgraphs conflict, with the places', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  tasks: [Task!]!', '  tasks: [Task!]!\n  name: Int! @shareable');
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    const conflict = find(report, 'FIELD_TYPE_MISMATCH');
    const places = [
      `${TASKS}:${lineOf(repository, TASKS, 'name: Int')}`,
      `${USERS}:${lineOf(repository, USERS, 'name: String')}`,
    ];
    expect(`${conflict.place?.file}:${conflict.place?.line} ${conflict.message}`).toContain(places[0]);
    expect(`${conflict.place?.file}:${conflict.place?.line} ${conflict.message}`).toContain(places[1]);
  });

  it('fails where a file is no GraphQL, with the place', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  estimate: Int', '  estimate Int');
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(find(report, 'INVALID_GRAPHQL').place).toMatchObject({
      file: TASKS,
      line: lineOf(repository, TASKS, 'estimate Int'),
    });
  });

  it('fails where supergraph.graphql is stale', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  estimate: Int', '  estimate: Int\n  dueAt: String');
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(errorsOf(report)).toMatchObject([{ code: 'STALE_FILE', place: { file: 'supergraph.graphql' } }]);
    const { line } = errorsOf(report)[0]?.place ?? { line: 0 };
    repository.compose();
    expect(repository.read('supergraph.graphql').split('\n')[line - 1]).toContain('dueAt');
    expect((await repository.check()).status).toBe(0);
  });

  it('fails where generated types are stale, and names the file', async () => {
    using repository = createDemoRepository();
    // graphql-codegen is the repository's own.
    symlinkSync(fileURLToPath(new URL('../../../node_modules', import.meta.url)), `${repository.folder}/node_modules`);
    repository.write(
      'codegen.yml',
      'generates:\n  src/types.ts: { schema: subgraphs/users/*.graphql, plugins: [typescript], config: { federation: true } }\n',
    );
    repository.replace('schema-check.yaml', 'approvals:', 'codegen: [codegen.yml]\napprovals:');
    const missing = await repository.check();
    expect(errorsOf(missing.report)).toMatchObject([{ code: 'STALE_FILE', place: { file: 'src/types.ts' } }]);
    repository.generate('codegen.yml');
    const fresh = await repository.check();
    expect([fresh.status, errorsOf(fresh.report)]).toEqual([0, []]);
    repository.replace(USERS, '  nickname: String', '  nickname: String\n  motto: String');
    repository.compose();
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    const [stale] = errorsOf(report);
    expect(errorsOf(report)).toMatchObject([
      { code: 'STALE_FILE', place: { file: 'src/types.ts' }, message: expect.stringContaining('codegen.yml') },
    ]);
    repository.generate('codegen.yml');
    expect(repository.read('src/types.ts').split('\n')[(stale?.place?.line ?? 0) - 1]).toContain('motto');
    expect((await repository.check()).status).toBe(0);
  });

  it('fails where the manifest of a client is stale, and names file and line', async () => {
    using repository = createDemoRepository();
    repository.replace(
      'schema-check.yaml',
      'approvals:',
      'manifests: [{ file: manifest.json, client: web }]\napprovals:',
    );
    const listed = (name: string, body: string) => ({ id: `of ${name}`, name, type: 'query', body });
    const write = (title: string) =>
      repository.write(
        'manifest.json',
        JSON.stringify(
          {
            format: 'apollo-persisted-query-manifest',
            version: 1,
            operations: [
              listed('AddTask', 'mutation AddTask($input: TaskInput!) { addTask(input: $input) { id } }'),
              listed(
                'TaskPage',
                `query TaskPage($id: ID!) { task(id: $id) { ${title} ...Body owner { name } } } fragment Body on Task { description }`,
              ),
            ],
          },
          null,
          2,
        ),
      );
    write('title');
    expect((await repository.check()).status).toBe(0);
    repository.replace('clients/web/task.graphql', '    title\n', '    title\n    estimate\n');
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    expect(errorsOf(report)).toMatchObject([
      {
        code: 'STALE_FILE',
        message: expect.stringContaining('has another TaskPage than web sends'),
        place: { file: 'manifest.json', line: lineOf(repository, 'manifest.json', '"id": "of TaskPage"') },
      },
    ]);
    write('title estimate');
    expect((await repository.check()).status).toBe(0);
  });

  it('passes an approved breaking change until its day', async () => {
    using repository = createDemoRepository();
    repository.replace(TASKS, '  title: String!\n  description: String\n', '  title: String!\n');
    repository.compose();
    const approval = `- change: FIELD_REMOVED
  coordinate: Task.description
  reason: The page is rewritten and asks for the body by itself.
  approvedBy: ada@example.com
  expires: 2026-12-31
`;
    repository.write('approvals.yaml', approval);
    const { status, report } = await repository.check('--today', '2026-12-31');
    expect(errorsOf(report)).toEqual([]);
    expect(status).toBe(0);
    expect(find(report, 'FIELD_REMOVED')).toMatchObject({
      severity: 'warning',
      approval: { expires: '2026-12-31', reason: expect.stringContaining('rewritten') },
    });
    const after = await repository.check('--today', '2027-01-01');
    expect(after.status).toBe(1);
    expect(find(after.report, 'FIELD_REMOVED').message).toContain('ended on 2026-12-31');
    // It approves this change and no other.
    repository.replace('clients/web/task.graphql', 'title\n', 'title\n    estimate\n');
    repository.replace(TASKS, '  estimate: Int\n', '');
    repository.compose();
    expect((await repository.check('--today', '2026-12-31')).status).toBe(1);
  });

  it('tells of an approval that nothing needs any more', async () => {
    using repository = createDemoRepository();
    repository.write(
      'approvals.yaml',
      '- { change: FIELD_REMOVED, coordinate: Task.gone, reason: It was long ago, approvedBy: ada, expires: 2027-01-01 }\n',
    );
    const { status, report } = await repository.check();
    expect(status).toBe(0);
    expect(find(report, 'UNUSED_APPROVAL')).toMatchObject({ place: { file: 'approvals.yaml', line: 1 } });
  });
});
