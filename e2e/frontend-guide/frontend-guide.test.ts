import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCleanup, postGraphQL, smallPng, textFile } from '@taskgraph/testkit';
import { Secret, TOTP } from 'otpauth';
import { operation } from '../operations.js';
import { PASSWORD, startStory, type Person, type Story } from '../story.js';
import { prepareGuide, type Guide, type GuidePage } from './guide.js';

const own = createCleanup();
const SESSION = 'taskgraph.session';
const MISSING = '0199ffff-0000-7000-8000-000000000000';

describe('the guide for frontends', () => {
  let story: Story;
  let guide: Guide;
  let page: GuidePage;
  let ada: Person;

  beforeAll(async () => {
    const use = <Started extends AsyncDisposable>(started: Started): Started => {
      own.add(async () => started[Symbol.asyncDispose]());
      return started;
    };
    story = use(await startStory());
    guide = use(await prepareGuide(story.gatewayUrl));
    page = use(guide.open());
    ada = await story.newPerson('Ada');
  });
  afterAll(() => own.run());

  const base64 = (bytes: Buffer, name: string) => ({ file: bytes.toString('base64'), name });
  const signIn = (password: string) => page.call('sign-in.ts', 'signIn', ada.email, password, { callback: 'code' });

  it('has samples of everything, and they compile', () => {
    expect(guide.complaints).toBe('');
    expect(guide.samples).toEqual(
      'client sign-in pages uploads large-files subscriptions errors problems changes rename codegen overdue'
        .split(' ')
        .map((name) => `${name}.ts`),
    );
  });

  it('logs in, and tells what is wrong', async () => {
    await page.call('sign-in.ts', 'watchUser', { callback: 'user' });
    expect(await page.call('errors.ts', 'readTask', MISSING)).toBe('Log in first.');
    expect(await signIn('not the password')).toMatch(/password/);
    expect(await signIn(PASSWORD)).toBeNull();
    expect(page.told('user')).toEqual([null, ada.id]);
  });

  it('exchanges an expired token once for many requests, and sends again what was refused', async () => {
    // The gateway does not know the document by its hash the first time, and gets its text.
    for (const [spoilt, requests] of [
      [{ expiresAt: 0 }, 2],
      [{ accessToken: 'no.such.token' }, 1],
    ] as const) {
      const kept = JSON.parse(await page.call('host', 'kept', SESSION)) as object;
      await page.call('host', 'keep', SESSION, JSON.stringify({ ...kept, ...spoilt }));
      page.sent.length = 0;
      expect(await page.call('host', 'many', 20)).toEqual(Array.from({ length: 20 }, () => 'Ada'));
      const exchanged = page.sent.filter(({ name }) => name === 'RefreshSession').map(({ variables }) => variables);
      expect(new Set(exchanged).size).toBe(1);
      expect(exchanged).toHaveLength(requests);
    }
  });

  it('reads a list page by page', async () => {
    for (let number = 1; number <= 7; number += 1) await ada.addTask({ title: `Page ${number}`, labels: ['paged'] });
    await page.call('pages.ts', 'showTasks', { label: ['paged'] }, { callback: 'tasks' });
    await page.untilTold('tasks', (lists) => (lists.at(-1) as string[] | undefined)?.length === 5);
    expect(await page.call('host', 'returned', 'more')).toBe(true);
    await page.untilTold('tasks', (lists) => (lists.at(-1) as string[]).length === 7);
    expect(page.told('tasks').at(-1)).toEqual([7, 6, 5, 4, 3, 2, 1].map((number) => `Page ${number}`));
    expect(await page.call('host', 'returned', 'more')).toBe(false);
    await page.call('host', 'returned', 'stop');
  });

  it('uploads a picture once, whatever happens to its answer, and tells what is wrong with one', async () => {
    const taskId = await ada.addTask({ title: 'With pictures' });
    const picture = base64(await smallPng(), 'otter.png');
    const add = (file: object, key: string) => page.call('uploads.ts', 'addPicture', taskId, file, { key });
    expect(await add(picture, 'first')).toBeNull();
    expect(await add(picture, 'first')).toBeNull();
    expect(await add(base64(textFile(), 'notes.png'), 'second')).toMatch(/\w+ \w+/);
    const { body } = await ada.run('TaskWithMedia', { id: taskId });
    expect(body.data?.['task'].media.edges.map(({ node }: { node: { filename: string } }) => node.filename)).toEqual([
      'otter.png',
    ]);
  });

  it('uploads a file in parts, and tells how much of it has arrived', async () => {
    const bytes = await smallPng();
    const id = await page.call('large-files.ts', 'addLargeFile', base64(bytes, 'lake.png'), { callback: 'progress' });
    expect(page.told('progress').at(-1)).toBe(bytes.length);
    const { body } = await ada.run('Media', { id });
    expect(body.data?.['media']).toMatchObject({ filename: 'lake.png', byteSize: bytes.length, mimeType: 'image/png' });
    await expect(
      page.call('large-files.ts', 'addLargeFile', base64(textFile(), 'notes.png'), { callback: 'progress' }),
    ).rejects.toThrow(/\w+ \w+/);
  });

  it('hears of changes, also of those that were made while the gateway was down', async () => {
    const { graph } = story;
    if (!graph) throw new Error('this story kills a gateway of its own');
    const id = await ada.addTask({ title: 'Watched' });
    let version = 0;
    const rename = async (title: string, url: string) => {
      version += 1;
      const input = { id, expectedVersion: version, title };
      const { body } = await postGraphQL(url, {
        query: operation('UpdateTask'),
        variables: { input },
        token: ada.accessToken,
      });
      expect(body.data?.['updateTask'].__typename).toBe('UpdateTaskSuccess');
    };
    await page.call('subscriptions.ts', 'watchTask', id, { callback: 'title' }, { callback: 'end' });
    // A subscription begins some time after it was asked for.
    while (page.told('title').length === 0) await rename(`Early ${version}`, story.gatewayUrl);
    await page.untilTold('title', (titles) => titles.at(-1) === `Early ${version - 1}`);
    await graph.kill('gateway', 'SIGKILL');
    expect(await page.call('errors.ts', 'readTask', MISSING)).toBe('There is no connection.');
    const before = page.told('title').length;
    for (const title of ['Missed 1', 'Missed 2']) await rename(title, `${graph.urls.task}/graphql`);
    await graph.restart('gateway');
    await page.untilTold('title', (titles) => titles.length >= before + 2);
    await rename('After', story.gatewayUrl);
    await page.untilTold('title', (titles) => titles.at(-1) === 'After');
    // The task is shown as it is when it is heard of, so what was missed is told with its last title: early changes too, where one that came before
    // them was told with theirs. Nothing is told twice.
    expect(page.told('title').slice(before).join(', ')).toMatch(/^(Missed 2, ){2,}After(, After)*$/);
    expect(page.told('title').length).toBeLessThanOrEqual(version);
    await ada.run('DeleteTask', { id });
    await page.untilTold('end', (ends) => ends.length > 0);
    expect(page.told('end')).toEqual(['over']);
  });

  it('tells what cannot be done: errors by their codes, problems by their messages', async () => {
    expect(await page.call('errors.ts', 'readTask', MISSING)).toMatch(/no such task|not found/i);
    expect(await page.call('problems.ts', 'changePassword', 'not the password', 'eight new otters swim')).toMatch(
      /password/,
    );
  });

  it('keeps lists up to date after a change', async () => {
    await page.call('pages.ts', 'showTasks', { label: ['kept'] }, { callback: 'kept' });
    await page.untilTold('kept', (lists) => lists.length > 0);
    const id = await page.call('changes.ts', 'createTask', { title: 'New', labels: ['kept'] });
    await page.untilTold('kept', (lists) => (lists.at(-1) as string[])[0] === 'New');
    await page.call('changes.ts', 'deleteTask', id);
    await page.untilTold('kept', (lists) => (lists.at(-1) as string[]).length === 0);
  });

  it('renames at once, and takes it back when somebody was faster', async () => {
    const id = await ada.addTask({ title: 'Before', labels: ['renamed'] });
    await page.call('pages.ts', 'showTasks', { label: ['renamed'] }, { callback: 'renamed' });
    await page.untilTold('renamed', (lists) => lists.length > 0);
    const shown = { id, status: 'TODO', priority: 'MEDIUM', version: 1 };
    expect(await page.call('rename.ts', 'renameTask', shown, 'Mine')).toBeNull();
    expect(await page.call('rename.ts', 'renameTask', shown, 'Too late')).toMatch(/\w+ \w+/);
    await page.untilTold('renamed', (lists) => (lists.at(-1) as string[])[0] === 'Mine');
    expect(page.told('renamed')).toContainEqual(['Too late']);
    const { body } = await ada.run('TaskWithMedia', { id });
    expect(body.data?.['task'].title).toBe('Mine');
  });

  it('sends operations of its own', async () => {
    await ada.addTask({ title: 'Late', dueAt: '2020-01-01T00:00:00.000Z' });
    expect(await page.call('overdue.ts', 'overdue', '2021-01-01T00:00:00.000Z')).toEqual(['Late']);
  });

  it('logs out, and in again with a second factor', async () => {
    await page.call('sign-in.ts', 'signOut');
    expect(page.told('user').at(-1)).toBeNull();
    expect(await page.call('host', 'kept', SESSION)).toBeNull();
    expect(await page.call('errors.ts', 'readTask', MISSING)).toBe('Log in first.');
    const { body: started } = await ada.run('StartTotp');
    const code = new TOTP({ secret: Secret.fromBase32(started.data?.['startTotp'].secret) }).generate();
    const { body: confirmed } = await ada.run('ConfirmTotp', { code });
    const [recoveryCode] = confirmed.data?.['confirmTotp'].recoveryCodes as string[];
    const answer = { callback: 'code', answer: recoveryCode };
    expect(await page.call('sign-in.ts', 'signIn', ada.email, PASSWORD, answer)).toBeNull();
    expect(page.told('user').at(-1)).toBe(ada.id);
  });
});
