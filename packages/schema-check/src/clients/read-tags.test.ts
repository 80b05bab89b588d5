import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDemoRepository, TASKS, type DemoRepository } from '../../test/demo-repository.js';

const PAGE = `import { gql } from '@apollo/client';
import { graphql } from './gql';
import type { Props } from './props';

export const NOTES = gql\`
  fragment Notes on Task { estimate }
\`;
const QUERY = gql\`
  query NotesPage($id: ID!) { task(id: $id) { ...Notes } }
  \${NOTES}
\`;
const byCall = graphql(\`query TitlePage { task(id: "1") { title } }\`);
const sql = \`SELECT nothing FROM graphql\`;
export const Page = ({ id }: Props) => <p title={QUERY}>{id as string}</p>;
`;

describe('operations in code', () => {
  let repository: DemoRepository;
  beforeAll(() => {
    repository = createDemoRepository();
    repository.replace('schema-check.yaml', 'clients:\n', 'clients:\n  - { name: app, operations: [app/src] }\n');
    repository.write('app/src/page.tsx', PAGE);
    repository.write('app/src/node_modules/other/index.js', 'gql`query Other { nowhere }`');
    repository.write('app/src/gql.d.ts', 'declare const gql: unknown; // gql`nothing of it`');
    repository.commit('Add a page');
    repository.replace(TASKS, '  estimate: Int\n', '');
    repository.compose();
  });
  afterAll(() => repository[Symbol.dispose]());

  it('are those of a client, with file, line and column of what breaks', async () => {
    const { status, report } = await repository.check();
    expect(status).toBe(1);
    const broken = report.findings.filter(({ code, severity }) => code === 'FIELD_REMOVED' && severity === 'error');
    expect(broken.flatMap(({ usedBy = [] }) => usedBy)).toContainEqual(
      expect.objectContaining({
        operation: 'NotesPage',
        client: 'app',
        place: { file: 'app/src/page.tsx', line: 6, column: 28 },
      }),
    );
    // What is valid still is planned.
    expect(report.operations).toContainEqual(expect.objectContaining({ operation: 'TitlePage', client: 'app' }));
  });

  it.each([
    [
      'a tag that is no GraphQL',
      'const a = 1;\n\nconst QUERY = gql`\n  query {{ `;\n',
      'app/src/bad.js:4 is no GraphQL',
    ],
    ['code that is none', 'const gql = ;\n', 'app/src/bad.js:1 cannot be read as code'],
  ])('are not passed over: %s', async (_what, text, reason) => {
    repository.write('app/src/bad.js', text);
    const { status, errors } = await repository.run('check');
    repository.write('app/src/bad.js', '');
    expect(status).toBe(2);
    expect(errors).toContain(reason);
  });
});
