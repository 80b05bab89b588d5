import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCleanup, PATIENT_MS } from '@taskgraph/testkit';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { hasBrowser, launchBrowser } from '../other-origins/pages.js';
import { PASSWORD, startStory, type Story } from '../story.js';
import { compileExample, serveBuiltPage, type BuiltPage } from './built-page.js';

const MANIFEST = new URL('../../packages/client/persisted-query-manifest.json', import.meta.url);
const { operations } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as {
  operations: ReadonlyArray<{ readonly id: string; readonly name: string }>;
};
const UPLOAD_BYTES_PER_SECOND = 1_000_000;
const LOOK_MS = 20;
/** The client tries again after 44 seconds at the latest. */
const LONGEST_RETRIES_MS = 90_000;

interface Network {
  set(how: { readonly bytesPerSecond?: number; readonly isOffline?: boolean }): Promise<void>;
}

/** Slows the uploads of a page down, and cuts its connection. */
async function controlNetwork(page: Page): Promise<Network> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  return {
    async set({ bytesPerSecond = -1, isOffline = false }) {
      const free = { latency: 0, downloadThroughput: -1 };
      await devtools.send('Network.emulateNetworkConditions', {
        ...free,
        offline: isOffline,
        uploadThroughput: bytesPerSecond,
      });
    },
  };
}

/** A picture of more bytes than the page sends at once. */
function createLargePicture(): Promise<Buffer> {
  const raw = { width: 1600, height: 1400, channels: 3 } as const;
  return sharp(randomBytes(raw.width * raw.height * raw.channels), { raw })
    .png()
    .toBuffer();
}

const withBrowser = hasBrowser ? describe : describe.skip;
const own = createCleanup();

withBrowser('the React page, at an origin of its own, of a gateway that takes ids of registered documents only', () => {
  let story: Story;
  let built: BuiltPage;
  let withCookie: BuiltPage;
  let openTab: () => Promise<Page>;
  let page: Page;
  let network: Network;
  /** What pages have asked for, by the names of operations. */
  const asked: string[] = [];
  const email = `olga.${randomBytes(6).toString('hex')}@example.com`;
  let token: string;

  /** Sends a registered document by its id, as somebody else than the page. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads what it expects
  async function ask(name: string, variables: object): Promise<any> {
    const response = await fetch(story.gatewayUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ documentId: operations.find((one) => one.name === name)?.id, variables }),
    });
    const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  }

  beforeAll(async () => {
    const use = <Started extends AsyncDisposable>(started: Started): Started => {
      own.add(async () => started[Symbol.asyncDispose]());
      return started;
    };
    built = use(await serveBuiltPage());
    withCookie = use(await serveBuiltPage());
    story = use(
      await startStory({
        settings: {
          CORS_ORIGINS: `${built.origin},${withCookie.origin}`,
          SESSION_COOKIES: 'localhost',
          SAFELIST_FILE: fileURLToPath(MANIFEST),
          SAFELIST_REQUIRE_ID: '1',
        },
      }),
    );
    await Promise.all([built.build(story.gatewayUrl), withCookie.build(story.gatewayUrl, 'cookie')]);
    const { register } = await ask('Register', { input: { email, password: PASSWORD, displayName: 'Olga Owner' } });
    token = register.accessToken;
    for (let number = 1; number <= 7; number += 1) await ask('CreateTask', { input: { title: `Task ${number}` } });
    const browser = await launchBrowser();
    own.add(() => browser.close());
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENT_MS);
    openTab = async () => {
      const tab = await context.newPage();
      tab.on('request', (request) => {
        if (request.method() === 'POST')
          asked.push(/"operationName":"(\w+)"/.exec(request.postData() ?? '')?.[1] ?? 'unnamed');
      });
      return tab;
    };
    page = await openTab();
    network = await controlNetwork(page);
    await page.goto(built.origin);
  });
  afterAll(() => own.run());

  const titles = (tab: Page = page) => tab.getByRole('list', { name: 'Tasks' }).getByRole('button').allTextContents();

  async function logIn(password: string, tab: Page = page): Promise<void> {
    await tab.getByLabel('E-mail').fill(email);
    await tab.getByLabel('Password').fill(password);
    await tab.getByRole('button', { name: 'Log in' }).click();
  }

  it('has types that fit those of the client', async () => {
    expect(await compileExample()).toBe('');
  });

  it('logs in, and says so when the password is wrong', async () => {
    await logIn('not the password');
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toMatch(/password/);
    await logIn(PASSWORD);
    await page.getByRole('heading', { name: 'Tasks' }).waitFor();
  });

  it('shows tasks page by page', async () => {
    await page.getByText('5 of 7').waitFor();
    expect(await titles()).toEqual(['Task 7', 'Task 6', 'Task 5', 'Task 4', 'Task 3']);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByText('7 of 7').waitFor();
    expect(await titles()).toHaveLength(7);
    expect(await page.getByRole('button', { name: 'More' }).count()).toBe(0);
  });

  it('uploads a picture, tells how far it is, and hears of it', async () => {
    await page.getByRole('button', { name: 'Task 7' }).click();
    await network.set({ bytesPerSecond: UPLOAD_BYTES_PER_SECOND });
    // What the bar has shown, from here on.
    await page.evaluate(`
      globalThis.told = [];
      new MutationObserver(() => {
        const bar = document.querySelector('progress');
        if (bar && told.at(-1) !== bar.value) told.push(bar.value);
      }).observe(document.body, { subtree: true, childList: true, attributes: true });
    `);
    const buffer = await sharp(randomBytes(700 * 700 * 3), { raw: { width: 700, height: 700, channels: 3 } })
      .png()
      .toBuffer();
    await page
      .getByLabel('Picture', { exact: true })
      .setInputFiles({ name: 'noise.png', mimeType: 'image/png', buffer });
    await page.getByText('noise.png is attached.').waitFor();
    const told = await page.evaluate<number[]>('told');
    expect(told).toEqual([...told].sort((left, right) => left - right));
    expect(told.filter((percent) => percent > 0 && percent < 100).length).toBeGreaterThan(1);
    expect(told.at(-1)).toBe(100);
    await page.getByText('Olga Owner attached noise.png').waitFor();
    await page.getByRole('list', { name: 'Pictures' }).getByText('noise.png').waitFor();
    await network.set({ bytesPerSecond: -1 });
  });

  it('goes on with a large file where the connection was lost', async () => {
    await network.set({ bytesPerSecond: UPLOAD_BYTES_PER_SECOND });
    const asked: string[] = [];
    page.on('request', (request) => {
      if (['HEAD', 'PATCH'].includes(request.method()))
        asked.push(`${request.method()} ${request.headers()['upload-offset'] ?? ''}`.trim());
    });
    const buffer = await createLargePicture();
    await page
      .getByLabel('Picture', { exact: true })
      .setInputFiles({ name: 'large.png', mimeType: 'image/png', buffer });
    const bar = page.getByRole('progressbar', { name: 'Upload' });
    while (Number(await bar.getAttribute('value')) <= 10) await delay(LOOK_MS);
    // The connection is lost with the service, and is back before the page has its network again.
    await story.graph?.kill('media', 'SIGKILL');
    await network.set({ isOffline: true });
    await story.graph?.restart('media');
    while (asked.length <= 2) await delay(LOOK_MS);
    await network.set({ bytesPerSecond: -1 });
    await page.getByText('large.png is attached.').waitFor({ timeout: LONGEST_RETRIES_MS });
    expect(asked.slice(0, 2)).toEqual(['HEAD', 'PATCH 0']);
    const [head, again] = asked.slice(-2);
    expect(head).toBe('HEAD');
    expect(Number(again?.split(' ')[1])).toBeGreaterThan(0);
    const { myMedia } = await ask('MyMedia', {});
    expect(myMedia.edges[0].node).toMatchObject({ filename: 'large.png', byteSize: buffer.length });
  });

  it('sees what somebody else does, while it is open', async () => {
    const { myMedia } = await ask('MyMedia', {});
    const { id: media, filename } = myMedia.edges[0].node;
    const { tasks } = await ask('Tasks', { filter: { search: 'Task 6' } });
    const id = tasks.edges[0].node.id;
    await page.getByRole('button', { name: 'Task 6' }).click();
    const events = page.getByRole('list', { name: 'Events' });
    await page.getByRole('heading', { name: 'Task 6' }).waitFor();
    // A subscription begins some time after it was asked for: the same is attached anew until it is heard of.
    while ((await events.getByRole('listitem').count()) === 0) {
      await ask('AttachMedia', { input: { taskId: id, mediaIds: [media] } });
      await ask('DetachMedia', { input: { taskId: id, mediaIds: [media] } });
    }
    expect(await events.getByRole('listitem').first().textContent()).toBe(`Olga Owner attached ${filename}`);
  });

  it('shows a change before the answer, and takes it back when somebody was faster', async () => {
    await page.getByRole('button', { name: 'Task 5' }).click();
    const section = page.getByRole('region', { name: 'Task' });
    await section.getByRole('heading', { name: 'Task 5' }).waitFor();
    const { tasks } = await ask('Tasks', { filter: { search: 'Task 5' } });
    const input = { id: tasks.edges[0].node.id, expectedVersion: 1, title: 'Task 5' };
    await ask('UpdateTask', { input: { ...input, status: 'CANCELLED' } });
    await section.getByRole('button', { name: 'Done' }).click();
    await section.getByRole('alert').waitFor();
    expect(await section.getByRole('paragraph').first().textContent()).toMatch(/^TODO/);
  });

  it('renews its session once for two tabs, and asks again what was refused', async () => {
    const second = await openTab();
    await second.goto(built.origin);
    await second.getByText('5 of 7').waitFor();
    const spoil = (change: string) =>
      page.evaluate(
        `localStorage.setItem('taskgraph.session', JSON.stringify({ ...JSON.parse(localStorage.getItem('taskgraph.session')), ${change} }))`,
      );
    for (const change of ['expiresAt: 0', 'accessToken: "no.such.token"']) {
      await spoil(change);
      asked.length = 0;
      await Promise.all([page.reload(), second.reload()]);
      await Promise.all([page.getByText('5 of 7').waitFor(), second.getByText('5 of 7').waitFor()]);
      expect(asked.filter((name) => name === 'RefreshSession')).toHaveLength(1);
      expect(asked.filter((name) => name === 'Tasks').length).toBeGreaterThan(1);
    }
  });

  it('is logged out in both tabs at once', async () => {
    const [first, second] = page.context().pages() as [Page, Page];
    await first.getByRole('button', { name: 'Log out' }).click();
    await Promise.all([first, second].map((tab) => tab.getByRole('heading', { name: 'Log in' }).waitFor()));
    expect(await first.evaluate("localStorage.getItem('taskgraph.session')")).toBeNull();
  });

  it('has its session in a cookie that no script sees: signed in, renewed, live, and out in all tabs', async () => {
    const first = await openTab();
    await first.goto(withCookie.origin);
    await logIn(PASSWORD, first);
    await first.getByText('5 of 7').waitFor();
    const seen = () => first.evaluate<string>('JSON.stringify([document.cookie, { ...localStorage }])');
    expect(await seen()).toMatch(/^\["",\{"taskgraph\.session":"\{\\"userId\\":\\"[\w-]+\\",\\"begunAt\\":\d+\}"\}\]$/);
    // A picture, an event of it over the WebSocket, and the page after a reload: with the cookie alone.
    await first.getByRole('button', { name: 'Task 4' }).click();
    const buffer = await sharp({ create: { width: 60, height: 40, channels: 3, background: 'teal' } })
      .png()
      .toBuffer();
    await first
      .getByLabel('Picture', { exact: true })
      .setInputFiles({ name: 'teal.png', mimeType: 'image/png', buffer });
    await first.getByText('Olga Owner attached teal.png').waitFor();
    const second = await openTab();
    await second.goto(withCookie.origin);
    await second.getByText('5 of 7').waitFor();
    // Ended elsewhere, it is over here.
    const { login } = await ask('Login', { input: { email, password: PASSWORD } });
    token = login.accessToken;
    await ask('LogoutEverywhere', {});
    await second.reload();
    await Promise.all([first, second].map((tab) => tab.getByRole('heading', { name: 'Log in' }).waitFor()));
    await logIn(PASSWORD, second);
    await Promise.all([first, second].map((tab) => tab.getByText('5 of 7').waitFor()));
    await first.getByRole('button', { name: 'Log out' }).click();
    await Promise.all([first, second].map((tab) => tab.getByRole('heading', { name: 'Log in' }).waitFor()));
    expect(await seen()).toBe('["",{}]');
    expect((await first.context().cookies()).filter(({ name }) => name.includes('session'))).toEqual([]);
  });
});
