import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';

/** No npm package brings a browser. Tests that need one are skipped without it, which fails in CI. */
const EXECUTABLE = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const WAIT_MS = 100_000;
/** Kept by CI, and in no commit. */
const PICTURES = fileURLToPath(new URL('../../.screenshots/', import.meta.url));

export const hasBrowser = EXECUTABLE !== undefined;

export interface OfflinePage extends AsyncDisposable {
  readonly page: Page;
  /** What the page has asked of anybody but this machine, or has been refused by its own policy. */
  readonly strays: readonly string[];
  /** Returns and forgets them. */
  takeStrays(): readonly string[];
  /** Returns and forgets what pages have told their console as an error, and what nobody caught. */
  takeErrors(): readonly string[];
  /** Keeps a picture of the page for whoever reads the run. */
  keepPicture(name: string): Promise<void>;
}

/** Opens a browser without a window, for which there is no other host than this machine. */
export async function openOffline(): Promise<OfflinePage> {
  mkdirSync(PICTURES, { recursive: true });
  const browser = await chromium.launch({
    executablePath: EXECUTABLE as string,
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  const page = await browser.newPage({ viewport: { width: 1400, height: 850 } });
  // What a person would wait for on a busy machine; the test's own time is above it.
  page.setDefaultTimeout(WAIT_MS);
  const strays: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') strays.push(request.url());
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) strays.push(message.text());
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  return {
    page,
    strays,
    takeStrays: () => strays.splice(0),
    takeErrors: () => errors.splice(0),
    keepPicture: async (name) => {
      await page.screenshot({ path: `${PICTURES}explorer-${name}.png` });
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
