import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCleanup, postGraphQL, smallPng } from '@taskgraph/testkit';
import { createLauncher, type Launcher, type Run } from '../../embedded/test/launcher.js';
import { operation } from '../operations.js';
import { hasBrowser, openOffline, type OfflinePage } from './browser.js';
import { createExplorerPage, type ExplorerPage } from './explorer-page.js';
import { createReferencePage } from './reference-page.js';

const withBrowser = hasBrowser ? describe : describe.skip;
const own = createCleanup();

/** The whole system with its demo data, as `npm start` starts it, and a browser that reaches nothing else. */
withBrowser('the explorer without the internet', () => {
  let launcher: Launcher;
  let run: Run;
  let offline: OfflinePage;
  let explorer: ExplorerPage;
  let login: { readonly email: string; readonly password: string };
  let token: string;
  let taskId: string;

  beforeAll(async () => {
    launcher = await createLauncher();
    own.add(async () => launcher[Symbol.asyncDispose]());
    run = launcher.run();
    await run.until('answered by all three subgraphs');
    await run.until(/task\(id: "[^"]+"\)/);
    taskId = /task\(id: "([^"]+)"\)/.exec(run.output)?.[1] ?? '';
    offline = await openOffline();
    own.add(async () => offline[Symbol.asyncDispose]());
    explorer = createExplorerPage(offline.page);
    const [, email = '', password = ''] = /(mara@\S+)\s+password: (.+)/.exec(run.output) ?? [];
    login = { email, password };
    const { body } = await ask('Login', { input: login });
    token = (body.data?.['login'] as { accessToken: string }).accessToken;
  });
  afterAll(() => own.run());

  const ask = (name: string, variables: Record<string, unknown>, as?: string) =>
    postGraphQL(launcher.graphqlUrl, {
      query: operation(name),
      variables,
      ...(as !== undefined && { token: as }),
    });

  it('takes the place of Apollo Sandbox, which cannot be loaded', async () => {
    await offline.page.goto(launcher.graphqlUrl);
    await offline.page.waitForURL('**/explorer');
    await explorer.ready();
    // What Sandbox has asked for is not the explorer's.
    expect(offline.takeStrays().every((stray) => /apollographql|fonts\.g/.test(stray))).toBe(true);
    await offline.keepPicture('1-begin');
  });

  it('logs in by one click, and says who is signed in', async () => {
    await explorer.logInAs('Mara Lindqvist');
    await explorer.open('Me');
    expect(await explorer.run()).toMatchObject({ data: { me: { displayName: 'Mara Lindqvist' } } });
  });

  it('runs TaskWithMedia of its collection, and draws the plan: task first, then media and people', async () => {
    await explorer.open('TaskWithMedia');
    await explorer.setVariables({ id: taskId });
    const answer = await explorer.run();
    expect(answer).toMatchObject({ data: { task: { id: taskId, owner: { displayName: 'Mara Lindqvist' } } } });
    // The plan is for the picture.
    expect(answer).not.toHaveProperty('extensions');
    const drawn = await explorer.plan();
    expect(drawn.label).toMatch(/^Query plan, \d+ fetches: task/);
    expect(new Set(drawn.subgraphs)).toEqual(new Set(['task', 'media', 'auth']));
    expect(drawn.arrows).toBeGreaterThan(0);
    expect(drawn.operations[0]).toContain('task(id:$id)');
    await offline.keepPicture('2-task-with-media');
  });

  it('uploads a picture', async () => {
    await explorer.open('UploadMedia');
    await explorer.chooseFile('file', { name: 'otter.png', mimeType: 'image/png', buffer: await smallPng() });
    expect(await explorer.run()).toMatchObject({
      data: { uploadMedia: { __typename: 'UploadMediaSuccess', media: { filename: 'otter.png' } } },
    });
    await offline.keepPicture('3-upload');
  });

  it('shows an event of a subscription as it happens, until it is stopped', async () => {
    const created = await ask('CreateTask', { input: { title: 'Watched' } }, token);
    const { id } = (created.body.data?.['createTask'] as { task: { id: string } }).task;
    await explorer.open('TaskChanged');
    await explorer.setVariables({ taskId: id });
    await explorer.begin();
    // A subscription begins some time after it was asked for.
    for (let version = 1; (await explorer.answer()) === null; version += 1)
      await ask('UpdateTask', { input: { id, expectedVersion: version, title: `Changed ${version}` } }, token);
    expect(await explorer.answer()).toMatchObject({ data: { taskChanged: { kind: 'UPDATED', task: { id } } } });
    await offline.keepPicture('4-live-event');
    await explorer.stop();
  });

  it('documents the schema, and is dark where that is wished for', async () => {
    await explorer.openPane('Documentation Explorer');
    await offline.page.locator('.graphiql-plugin').getByText('Query', { exact: true }).click();
    await offline.page.getByText('The user who is signed in.').waitFor();
    await explorer.chooseTheme('Dark');
    expect(await explorer.backgroundOf('.login-bar')).toBe('rgb(29, 36, 48)');
    await offline.keepPicture('5-documentation-dark');
  });

  it('is worked by the keyboard: Ctrl-Enter runs', async () => {
    await explorer.open('Usage');
    await explorer.focusOperation();
    await offline.page.keyboard.press('Control+Enter');
    expect(await explorer.settled()).toMatchObject({ data: { me: { storage: { usedBytes: expect.any(Number) } } } });
  });

  it('runs what stands there, however fast it was typed', async () => {
    for (const name of ['First', 'Second']) {
      const answer = await explorer.writeAndRun(`query ${name} { me { displayName } ${name}: __typename }`);
      expect(answer).toEqual({ data: { me: { displayName: 'Mara Lindqvist' }, [name]: 'Query' } });
    }
  });

  it('says what is wrong with a login, and shows nothing to whoever has logged out', async () => {
    await offline.page.getByRole('button', { name: 'Log out' }).click();
    await explorer.open('Me');
    expect(await explorer.run()).toMatchObject({ data: { me: null } });
    await explorer.logIn('mara@example.com', 'not the password');
    await offline.page.locator('.problem').waitFor();
  });

  it('shows the routes of the REST façade', async () => {
    const { page } = offline;
    offline.takeErrors();
    await page.goto(new URL('/api/docs', launcher.graphqlUrl).href);
    const answer = await fetch(new URL('/api/openapi.json', launcher.graphqlUrl));
    const { paths } = (await answer.json()) as { paths: Record<string, Record<string, { summary: string }>> };
    const routes = Object.values(paths).flatMap(Object.values) as Array<{ summary: string }>;
    expect(routes.length).toBeGreaterThan(20);
    for (const { summary } of routes) await page.getByText(summary).first().waitFor({ state: 'attached' });
    await offline.keepPicture('6-rest');
    expect(offline.takeErrors()).toEqual([]);
  });

  it('tries them from there: logs in, asks with the token, and uploads a picture with all of its form', async () => {
    const reference = createReferencePage(offline.page);
    await reference.open('post /api/auth/login');
    await reference.setBody({ email: login.email, password: login.password });
    const session = await reference.send('200 OK');
    await reference.close();
    await reference.open('get /api/auth/profile');
    await reference.setToken(String(session['accessToken']));
    expect(await reference.send('200 OK')).toMatchObject({ displayName: 'Mara Lindqvist' });
    await reference.close();
    await reference.open('post /api/media/upload');
    await reference.setField('altText', 'An otter');
    await reference.chooseFile('file', { name: 'tried.png', mimeType: 'image/png', buffer: await smallPng() });
    expect(await reference.send('201 Created')).toMatchObject({ filename: 'tried.png', altText: 'An otter' });
    await offline.keepPicture('7-rest-tried');
    expect(offline.takeErrors()).toEqual([]);
  });

  it('has asked nobody but the gateway, and its policy has held', () => {
    expect(offline.strays).toEqual([]);
  });
});
