import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, countStatements, expectData, type TestViewer } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const ATTACH = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
const TASKS = 4;

describe('the media of the tasks of a page', () => {
  let graph: TaskGraph;
  let ada: TestViewer;
  beforeAll(async () => {
    graph = await startTaskGraph();
    ada = buildViewer();
    for (let count = 0; count < TASKS; count += 1) {
      const taskId = await graph.addTask(ada);
      const mediaIds = Array.from({ length: count }, () => randomUUID());
      for (const id of mediaIds) {
        graph.mediaStatus.set(id, 'READY');
        graph.mediaUploaders.set(id, ada.userId);
      }
      if (count > 0) expectData(await graph.run(ada, ATTACH, { input: { taskId, mediaIds } }));
    }
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /** What is loaded with the page, and the same where a condition keeps it from that. */
  it.each([
    [
      'of one field',
      'media(first: 2) @when { totalCount edges { cursor attachedAt node { id } } pageInfo { hasNextPage } }',
      2,
    ],
    ['of a variable', 'media(first: $first) @when { edges { node { id } } }', 2],
    ['in two names', 'a: media(first: 1) @when { edges { node { id } } } b: media @when { totalCount }', 3],
    ['merged from two fields', 'media @when { totalCount } ...F', 2],
    ['that ask for too many', 'media(first: 100000) @when { totalCount }', 1],
    ['by a cursor that is none', 'media(after: "x") @when { totalCount }', null],
  ])('are answered alike whether they are loaded with it or by each task: %s', async (_name, media, statements) => {
    const isMerged = media.includes('...F');
    const fragment = (condition: string) => `fragment F on Task { media ${condition} { edges { node { id } } } }`;
    const query = (declared: string, condition: string) => {
      const variables = [...(media.includes('$first') ? ['$first: Int = 3'] : []), declared].join(' ').trim();
      return `query${variables === '' ? '' : `(${variables})`} {
        tasks(first: 10) { edges { node { id ${media.replaceAll('@when', condition)} } } } }
        ${isMerged ? fragment(condition) : ''}`;
    };
    const ahead = await countStatements(graph.pool, () => graph.run(ada, query('', '')));
    const each = await graph.run(ada, query('$yes: Boolean = true', '@include(if: $yes)'));
    expect({
      data: ahead.result.body.data,
      errors: ahead.result.body.errors?.map(({ message, path }) => [message, path]),
    }).toEqual({
      data: each.body.data,
      errors: each.body.errors?.map(({ message, path }) => [message, path]),
    });
    if (statements !== null) expect(ahead.statements).toHaveLength(statements);
  });

  it('are not read where a condition leaves them out', async () => {
    const { statements } = await countStatements(graph.pool, () =>
      graph.run(ada, '{ tasks(first: 10) { edges { node { id media @skip(if: true) { totalCount } } } } }'),
    );
    expect(statements).toHaveLength(1);
  });
});
