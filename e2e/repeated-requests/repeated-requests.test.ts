import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectData,
  expectErrorCode,
  postGraphQL,
  smallPng,
  uploadGraphQL,
  type GraphQLResult,
  type SpawnedGraph,
} from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

const TWO = `mutation Two($title: String!) {
  first: createTask(input: { title: $title }) { task { id } }
  second: createTask(input: { title: $title }) { task { id } }
}`;
const UPLOAD = `mutation Upload($file: Upload!, $key: String) {
  uploadMedia(file: $file, idempotencyKey: $key) { ... on UploadMediaSuccess { media { id status } } }
}`;

describe('who asks again with the key of a request whose answer was lost', () => {
  let story: Story;
  let graph: SpawnedGraph;
  let ada: Person;
  beforeAll(async () => {
    story = await startStory();
    graph = story.graph as SpawnedGraph;
    ada = await story.newPerson('Ada');
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const create = (person: Person, title: string, idempotencyKey: string, more: object = {}) =>
    person.run('CreateTask', { input: { title, idempotencyKey, ...more } });
  const idOf = (answer: GraphQLResult) => (expectData(answer)['createTask'] as { task: { id: string } }).task.id;
  const tasksCalled = (title: string) => graph.countRows('task', 'tasks', `title = '${title}'`);
  const reasonOf = (answer: GraphQLResult, code: string) => expectErrorCode(answer, code).extensions?.reason;

  it('finds the task that was created, and creates none', async () => {
    const id = idOf(await create(ada, 'Once', 'a-key'));
    expect(idOf(await create(ada, 'Once', 'a-key'))).toBe(id);
    expect(await tasksCalled('Once')).toBe(1);
    expect(await graph.countRows('task', 'outbox', `type = 'task.created.v1' AND subject = '${id}'`)).toBe(1);
  });

  it('creates one task when both come at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(ada, 'At once', 'at-once')));
    expect(new Set(answers.map(idOf)).size).toBe(1);
    expect(await tasksCalled('At once')).toBe(1);
  });

  it('is told when the key stands for another task, and nothing is created', async () => {
    await create(ada, 'This', 'reused');
    expect(reasonOf(await create(ada, 'Something else', 'reused'), 'BAD_USER_INPUT')).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(reasonOf(await create(ada, 'This', 'reused', { labels: ['new'] }), 'BAD_USER_INPUT')).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
    expect(await tasksCalled('Something else')).toBe(0);
  });

  it('has keys of their own, whoever else uses the same ones', async () => {
    const bo = await story.newPerson('Bo');
    expect(idOf(await create(bo, 'Same key', 'shared'))).not.toBe(idOf(await create(ada, 'Same key', 'shared')));
  });

  it('may send the key as a header, for each field of the request', async () => {
    const ask = (headers: Record<string, string>) =>
      postGraphQL(story.gatewayUrl, {
        query: TWO,
        variables: { title: 'Two' },
        token: ada.accessToken,
        headers,
      });
    const data = expectData(await ask({ 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }));
    expect(expectData(await ask({ 'idempotency-key': '8e03978e-40d5-43dd-bc93-6894a57f9324' }))).toEqual(data);
    expect(await tasksCalled('Two')).toBe(2);
    expectData(await ask({}));
    expect(await tasksCalled('Two')).toBe(4);
  });

  it('has two keys in one text where it is an argument here and a header there, and the argument counts where both are', async () => {
    const ask = (argument: string | null, header?: string) =>
      postGraphQL(story.gatewayUrl, {
        query: 'mutation One($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }',
        variables: { input: { title: 'Both', idempotencyKey: argument } },
        token: ada.accessToken,
        ...(header !== undefined && { headers: { 'idempotency-key': header } }),
      });
    const byArgument = idOf(await ask('both'));
    const byHeader = idOf(await ask(null, 'both'));
    expect(byHeader).not.toBe(byArgument);
    for (const again of [await ask('both'), await ask('both', 'both'), await ask('both', 'another')])
      expect(idOf(again)).toBe(byArgument);
    expect(idOf(await ask(null, 'both'))).toBe(byHeader);
    expect(await tasksCalled('Both')).toBe(2);
  });

  it.each([
    ['nothing', ''],
    ['a space', 'a key'],
    ['a control character', 'a\u0007b'],
    ['what is not ASCII', 'schlüssel'],
    ['too much', 'k'.repeat(256)],
  ])('may not take %s for a key', async (_what, key) => {
    expect(reasonOf(await create(ada, 'No key', key), 'BAD_USER_INPUT')).toBe('INVALID_IDEMPOTENCY_KEY');
    expect(await tasksCalled('No key')).toBe(0);
  });

  it('is told that what was created is gone, rather than getting another', async () => {
    const id = idOf(await create(ada, 'Gone', 'gone'));
    expectData(await ada.run('DeleteTask', { id }));
    expect(reasonOf(await create(ada, 'Gone', 'gone'), 'CONFLICT')).toBe('ALREADY_DELETED');
    expect(await tasksCalled('Gone')).toBe(0);
  });

  it('gets another a day later, and keys of the day before are forgotten', async () => {
    const id = idOf(await create(ada, 'Daily', 'daily'));
    await create(ada, 'Old', 'old');
    await graph.runSql('task', "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'");
    expect(idOf(await create(ada, 'Daily', 'daily'))).not.toBe(id);
    expect(await graph.countRows('task', 'idempotency_keys', "key = 'old'")).toBe(0);
  });

  it('sends a file once', async () => {
    const file = { filename: 'a.png', content: await smallPng(), contentType: 'image/png' };
    const upload = (content: Buffer | Uint8Array) =>
      uploadGraphQL(story.gatewayUrl, {
        query: UPLOAD,
        variables: { key: 'picture' },
        files: { 'variables.file': { ...file, content } },
        token: ada.accessToken,
      });
    const answers = await Promise.all([1, 2, 3].map(() => upload(file.content)));
    const ids = answers.map((answer) => (expectData(answer)['uploadMedia'] as { media: { id: string } }).media.id);
    expect(new Set(ids).size).toBe(1);
    expect(await graph.countRows('media', 'media_items')).toBe(1);
    const objects = (await graph.storedFiles()).filter((name) => name.startsWith('media/objects/'));
    expect(new Set(objects.map((name) => name.match(/[0-9a-f-]{36}/)?.[0])).size).toBe(1);
    const other = await upload(await smallPng('plum'));
    expect(reasonOf(other, 'BAD_USER_INPUT')).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await graph.countRows('media', 'media_items')).toBe(1);
  });
});
