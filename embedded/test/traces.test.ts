import { existsSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { expectData, postGraphQL } from '@taskgraph/testkit';
import { chromium } from 'playwright-core';
import { createLauncher } from './launcher.js';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

(CHROMIUM === undefined ? describe.skip : describe)('npm start -- --trace', () => {
  it('shows a request as a waterfall in a browser, without anything from elsewhere', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run(['--no-seed', '--trace'], { TRACE_PORT: '0' });
    await run.until('There are no demo data');
    const url = /traces\s+(http:\/\/127\.0\.0\.1:\d+\/)/.exec(run.output)?.[1] ?? '';
    const { register } = expectData(
      await postGraphQL(launcher.graphqlUrl, {
        query: `mutation SignUp { register(input: { email: "a@example.com", password: "seven green otters juggle", displayName: "A" }) { ... on AuthPayload { accessToken } } }`,
      }),
    );
    expectData(
      await postGraphQL(launcher.graphqlUrl, {
        query: 'mutation AddTask { createTask(input: { title: "Traced" }) { task { id owner { displayName } } } }',
        token: register.accessToken,
      }),
    );

    const browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      await page.goto(url);
      await page.getByPlaceholder('operation, span or id').fill('addtask');
      await page.getByRole('button', { name: 'Show' }).click();
      expect(await page.getByRole('link', { name: 'mutation SignUp' }).count()).toBe(0);
      await page.getByRole('link', { name: 'mutation AddTask' }).click();

      const waterfall = page.getByRole('img', { name: 'waterfall' });
      await waterfall.waitFor();
      for (const label of ['gateway: fetch task', 'task: POST /graphql', 'task: insert tasks', 'task: insert outbox'])
        expect(await waterfall.getByText(label, { exact: true }).count()).toBeGreaterThan(0);
      // What the mutation takes is within the fetch that takes it.
      const barOf = async (span: string) => {
        const box = await waterfall.locator(`[data-span="${span}"] rect`).first().boundingBox();
        if (!box) throw new Error(`${span} is not shown`);
        return box;
      };
      const [fetched, inserted] = [await barOf('fetch task'), await barOf('insert tasks')];
      expect(inserted.y).toBeGreaterThan(fetched.y);
      expect(inserted.x).toBeGreaterThanOrEqual(fetched.x);
      expect(inserted.width).toBeLessThanOrEqual(fetched.width);
      expect(await page.locator('body').innerText()).not.toContain('seven green otters');

      expect(asked.every((address) => address.startsWith(url))).toBe(true);
      expect(complaints).toEqual([]);
      await page.goto(`${url}trace/${'0'.repeat(32)}`);
      expect(await page.locator('body').innerText()).toContain('There is no such trace');
    } finally {
      await browser.close();
    }
    // A page elsewhere that calls this machine by a name of its own is told nothing.
    const { request } = await import('node:http');
    const status = await new Promise<number | undefined>((resolve, reject) => {
      request(url, { headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(421);
    expect(await run.stop()).toBe(0);
  });
});
