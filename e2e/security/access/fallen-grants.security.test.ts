import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, postGraphQL, smallPng } from '@taskgraph/testkit';
import { sectionsOf } from '../../../scripts/access-rules.mjs';
import { startStory, type Person, type Story } from '../../story.js';

const ATTACHED = (fields: string) => `query($id: ID!) { task(id: $id) { media {
  totalCount pageInfo { hasNextPage } edges { cursor attachedAt attachedBy { displayName } node { ${fields} } } } } }`;
/** What media answers: fields that are never null take their node with them. */
const NEVER_NULL = ['filename', 'mimeType', 'byteSize', 'status', 'createdAt'];
const MAY_BE_NULL = ['width', 'height', 'failureReason', 'altText', 'placeholder', 'url'].concat([
  'thumbnail { url }',
  'uploadedBy { displayName }',
]);

describe('a picture on a task, of whoever lent it has lost the access', () => {
  let story: Story;
  let owner: Person;
  let borrower: Person;
  let reader: Person;
  let picture: string;
  /** The borrower's task, which the reader may see. */
  let taskId: string;
  beforeAll(async () => {
    story = await startStory();
    owner = await story.newPerson('Owner');
    borrower = await story.newPerson('Borrower');
    reader = await story.newPerson('Reader');
    picture = await owner.addPicture(await smallPng('maroon'), 'secret.png');
    const lent = await owner.addTask({ title: 'Of the owner', assigneeId: borrower.id });
    expectData(await owner.run('AttachMedia', { input: { taskId: lent, mediaIds: [picture] } }));
    taskId = await borrower.addTask({ title: 'Of the borrower' });
    expectData(await borrower.run('AttachMedia', { input: { taskId, mediaIds: [picture] } }));
    await assign(owner, lent, null);
    await assign(borrower, taskId, reader.id);
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
  });

  const ask = async (who: Person, query: string, variables: Record<string, unknown> = { id: taskId }) =>
    postGraphQL(story.gatewayUrl, { query, variables, token: who.accessToken });
  const assign = async (who: Person, id: string, assigneeId: string | null) => {
    const { task } = expectData(await ask(who, 'query($id: ID!) { task(id: $id) { version } }', { id }));
    const input = { id, expectedVersion: task.version, assigneeId };
    const mutation = 'mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }';
    expect(expectData(await ask(who, mutation, { input })).updateTask.__typename).toBe('UpdateTaskSuccess');
  };

  it('is still one of what the task says of itself: how many, when, by whom, and which id', async () => {
    for (const who of [borrower, reader]) {
      const { media } = expectData(await ask(who, ATTACHED('id'))).task;
      expect(media).toEqual({
        totalCount: 1,
        pageInfo: { hasNextPage: false },
        edges: [
          {
            cursor: expect.any(String),
            attachedAt: expect.any(String),
            attachedBy: { displayName: 'Borrower' },
            node: { id: picture },
          },
        ],
      });
    }
  });

  it('tells by `tasks` of no task but those that the viewer may see', async () => {
    const query = ATTACHED('tasks { totalCount edges { node { id title } } }');
    for (const who of [borrower, reader]) {
      const { tasks } = expectData(await ask(who, query)).task.media.edges[0].node;
      expect(tasks).toEqual({ totalCount: 1, edges: [{ node: { id: taskId, title: 'Of the borrower' } }] });
    }
  });

  it.each([...NEVER_NULL, ...MAY_BE_NULL])('has no %s, alone or beside the id', async (field) => {
    const name = field.split(' ')[0] as string;
    for (const who of [borrower, reader])
      for (const beside of ['', 'id ']) {
        const { media } = expectData(await ask(who, ATTACHED(beside + field))).task;
        const rest = { ...(beside && { id: picture }), [name]: null };
        expect([media.totalCount, media.edges[0].node]).toEqual([1, NEVER_NULL.includes(field) ? null : rest]);
      }
    const ofOwner = expectData(await ask(owner, `query($id: ID!) { media(id: $id) { ${field} } }`, { id: picture }));
    if (NEVER_NULL.includes(field)) expect(ofOwner.media).toEqual({ [name]: expect.anything() });
  });

  it('has no field that this does not name', () => {
    const supergraph = readFileSync(new URL('../../../gateway/supergraph.graphql', import.meta.url), 'utf8');
    const named = [...NEVER_NULL, ...MAY_BE_NULL].map((field) => field.split(' ')[0] as string);
    expect(sectionsOf(supergraph).get('Media')?.toSorted()).toEqual([...named, 'id', 'tasks'].toSorted());
  });

  it('is not found by its id, cannot be attached again, and can be taken off', async () => {
    expectErrorCode(await reader.run('Media', { id: picture }), 'NOT_FOUND');
    const another = await reader.addTask({ title: 'Of the reader' });
    const { attachMedia } = expectData(
      await reader.run('AttachMedia', { input: { taskId: another, mediaIds: [picture] } }),
    );
    expect(attachMedia.__typename).toBe('MediaNotFoundProblem');
    const detach =
      'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { media { totalCount } } } }';
    const { detachMedia } = expectData(await ask(reader, detach, { input: { taskId, mediaIds: [picture] } }));
    expect(detachMedia.task.media.totalCount).toBe(0);
  });
});
