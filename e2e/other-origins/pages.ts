import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PATIENT_MS } from '@taskgraph/testkit';
import { chromium, type Browser as Chromium, type Page } from 'playwright-core';

/** No npm package brings a browser. Tests that need one are skipped without it, which fails in CI. */
const EXECUTABLE = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

export const hasBrowser = EXECUTABLE !== undefined;

/** Serves the page at an origin of its own. */
export async function servePage(): Promise<AsyncDisposable & { readonly origin: string }> {
  const script = readFileSync(new URL('page.mjs', import.meta.url));
  const server = createServer((request, response) => {
    if (request.url === '/page.mjs') response.setHeader('content-type', 'text/javascript').end(script);
    else response.setHeader('content-type', 'text/html').end('<script type="module" src="/page.mjs"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface BrowserPage {
  /** Calls a function of `page.mjs`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads what it expects
  call(name: string, ...args: unknown[]): Promise<any>;
  heard(name: string): Promise<unknown[]>;
}

export interface Browser extends AsyncDisposable {
  open(origin: string): Promise<BrowserPage>;
}

/** Starts a browser without a window, to be used as it is. */
export function launchBrowser(): Promise<Chromium> {
  return chromium.launch({ executablePath: EXECUTABLE as string, args: ['--no-sandbox'], timeout: PATIENT_MS });
}

/** Starts a browser without a window. */
export async function startBrowser(): Promise<Browser> {
  const browser = await launchBrowser();
  return {
    async open(origin) {
      const page: Page = await browser.newPage();
      page.setDefaultTimeout(PATIENT_MS);
      await page.goto(origin);
      await page.waitForFunction('document.title === "ready"');
      return {
        call: (name, ...args) => page.evaluate(`story[${JSON.stringify(name)}](...${JSON.stringify(args)})`),
        heard: (name) => page.evaluate(`story.heard[${JSON.stringify(name)}] ?? []`),
      };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
